export * from './generated/index.ts';
export * from './names.ts';
