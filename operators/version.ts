/** Put in the place of this name by the bundle (hack/bundle), from package.json. */
declare const PADDOCK_VERSION: string | undefined;

/** Of Paddock: `v0.1.0`; of the sources as they lie here, `v0.0.0-dev`. */
export const VERSION = typeof PADDOCK_VERSION === 'undefined' ? 'v0.0.0-dev' : PADDOCK_VERSION;
