/** How an operator process tells a write on its standard output. */
export const WRITE_LINE = 'write: ';
