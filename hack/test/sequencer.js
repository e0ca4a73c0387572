import Sequencer from '@jest/test-sequencer';

/** What takes longest begins first, so that no worker is left alone with it at the end. */
const FOLDERS = ['/test/chaos/', '/test/attacks/', '/test/integration/'];

const rank = ({ path }) => {
  const index = FOLDERS.findIndex(folder => path.includes(folder));
  return index === -1 ? FOLDERS.length : index;
};

export default class LongestFirst extends Sequencer {
  /** Within a folder as jest does it: the slowest of the last run first, or the largest if there was none. */
  async sort(tests) {
    const sorted = await super.sort(tests);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}
