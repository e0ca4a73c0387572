import type { Picture } from './picture.ts';
import { changes, renderView } from './view.ts';

const CLEAR_TO_END_OF_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
/** Of a terminal that does not say. */
const USUAL = { columns: 100, rows: 30 };
/** For a reader that is no terminal: nothing has to fit. */
const UNLIMITED = { width: 1_000, height: 1_000 };

/** Standard output, or what stands in for it. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** Lines that stay, and below them, on a terminal, the view, drawn anew in place. Elsewhere changes are appended. */
export class Screen {
  readonly #out: Output;
  #drawn: readonly string[] = [];
  #shown: Picture | undefined;

  constructor(out: Output) {
    this.#out = out;
    // A reader that has seen enough is no reason to end.
    out.on('error', () => undefined);
  }

  /** Adds lines that stay. */
  note(text: string): void {
    if (!this.#out.isTTY || this.#drawn.length === 0) {
      this.#out.write(`${text}\n`);
      return;
    }
    const view = this.#drawn;
    this.#erase();
    this.#out.write(`${text}\n`);
    this.#draw(view);
  }

  /** Shows the picture as it is now. */
  show(picture: Picture): void {
    if (this.#out.isTTY) this.#draw(this.#fitted(picture));
    else for (const line of changes(this.#shown, picture)) this.#out.write(`${line}\n`);
    this.#shown = picture;
  }

  /** The view of the last picture stays behind; nothing is shown any more. */
  finish(): void {
    if (this.#shown === undefined) return;
    if (this.#out.isTTY) this.#out.write(SHOW_CURSOR);
    else this.#out.write(`\n${renderView(this.#shown, { now: Date.now(), ...UNLIMITED }).join('\n')}\n`);
    this.#drawn = [];
    this.#shown = undefined;
  }

  #fitted(picture: Picture): string[] {
    const { columns, rows } = this.#out;
    const width = (columns || USUAL.columns) - 1;
    // One row is the cursor's, one parts the view from the lines above.
    const height = Math.max(1, (rows || USUAL.rows) - 2);
    return ['', ...renderView(picture, { now: Date.now(), width, height })];
  }

  #draw(lines: readonly string[]): void {
    const text = lines.map(line => `${line}${CLEAR_TO_END_OF_LINE}\n`).join('');
    this.#out.write(`${HIDE_CURSOR}${this.#home()}${text}${CLEAR_BELOW}`);
    this.#drawn = lines;
  }

  #erase(): void {
    this.#out.write(`${this.#home()}${CLEAR_BELOW}`);
    this.#drawn = [];
  }

  /** To the beginning of the first line drawn. */
  #home(): string {
    return this.#drawn.length === 0 ? '' : `\x1b[${this.#drawn.length}F`;
  }
}
