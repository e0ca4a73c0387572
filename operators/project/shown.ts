const SHOWN = 80;

/** Of a text that a tenant wrote, as much as a message has room for, in quotes. */
export function shown(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
}
