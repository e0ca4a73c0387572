/** As much of a server's sentence as logs, conditions and events keep, in UTF-16 units. */
export const MESSAGE_LENGTH = 1_024;

const PLAIN = /^[\x20-\x7e]*$/;
/** ECMA-48: control sequences (colours, cursor moves) and strings such as a terminal's title. */
const ESCAPE_SEQUENCES = [
  String.raw`\x1b\[[0-?]*[ -/]*[@-~]`,
  String.raw`\x9b[0-?]*[ -/]*[@-~]`,
  String.raw`\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?`,
  String.raw`\x1b[ -/]*[0-~]`,
];
const ESCAPES = new RegExp(ESCAPE_SEQUENCES.join('|'), 'g');
/** Line breaks, tabs and every kind of space. */
const SPACES = /[\t-\r\x85\p{Z}]+/gu;
/**
 * Control and format characters (bidirectional, zero-width), lone surrogates, private use and unassigned, and
 * whatever else is drawn as nothing (variation selectors, fillers, tags).
 */
const UNPRINTABLE = /[\p{C}\p{Default_Ignorable_Code_Point}]/gu;
const ELLIPSIS = '…';

/**
 * Text from a server as it may enter a status, an event or a log: one line of printable characters, at most so many
 * UTF-16 units, an ellipsis where it was cut. What is not a string is empty. Costs no more than the bound, however long
 * the text is.
 */
export function printable(text: unknown, most = MESSAGE_LENGTH): string {
  if (typeof text !== 'string') return '';
  if (text.length <= most && PLAIN.test(text)) return text;
  const looked = text.slice(0, 2 * most + ELLIPSIS.length);
  const clean = looked.replace(ESCAPES, '').replace(SPACES, ' ').replace(UNPRINTABLE, '').replace(/ +/g, ' ').trim();
  if (clean.length <= most && looked.length === text.length) return clean;
  // half of a surrogate pair is no character
  const cut = clean.slice(0, most - ELLIPSIS.length).replace(/[\ud800-\udbff]$/, '');
  // joined, it is a string of its own; put together otherwise it would keep the whole text
  return [cut, ELLIPSIS].join('');
}

/** A list for a message: the first so many, and how many more there are. */
export function named(items: readonly string[], most: number): string {
  const first = items.slice(0, most);
  const more = items.length - first.length;
  return [...first, ...(more > 0 ? [`${more} more`] : [])].join(', ');
}
