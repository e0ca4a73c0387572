/**
 * Requests that a fake and a real API server have to answer alike. In paths and bodies, `{rv:x}`, `{uid:x}` and
 * `{continue:x}` stand for what the step saved as `x` was answered. Steps in a list of their own run side by side.
 */
export interface ParityStep {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly save?: string;
}

export const NAMESPACE = 'parity';
const maps = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
const secrets = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const leases = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`;
const widgets = `/apis/test.example.com/v1/namespaces/${NAMESPACE}/widgets`;
const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data: { x: '1' } };
const widget = { apiVersion: 'test.example.com/v1', kind: 'Widget' };

const type = (contentType: string) => ({ 'content-type': contentType });
const merge = (path: string, body: unknown, save = ''): ParityStep => ({
  method: 'PATCH',
  path,
  headers: type('application/merge-patch+json'),
  body,
  save,
});
const jsonPatch = (path: string, body: unknown): ParityStep => ({
  method: 'PATCH',
  path,
  headers: type('application/json-patch+json'),
  body,
});
const apply = (path: string, body: unknown): ParityStep => ({
  method: 'PATCH',
  path,
  headers: type('application/apply-patch+yaml'),
  body,
});
const post = (path: string, body: unknown, save = ''): ParityStep => ({ method: 'POST', path, body, save });
const put = (path: string, body: unknown, save = ''): ParityStep => ({ method: 'PUT', path, body, save });
const get = (path: string, save = ''): ParityStep => ({ path, save });
const remove = (path: string, body?: unknown): ParityStep => ({ method: 'DELETE', path, body });
const partial = (kind: string) => ({ accept: `application/json;as=${kind};g=meta.k8s.io;v=v1` });
const watch = (query: string, headers: Readonly<Record<string, string>> = {}): ParityStep => ({
  path: `${maps}?watch=1&timeoutSeconds=1&${query}`,
  headers,
});

const creates: ParityStep[] = [
  post(maps, { metadata: { name: 'a', resourceVersion: '5' } }),
  post(`${maps}?dryRun=All`, { metadata: { name: 'a' }, data: { x: '1' } }),
  post(`${maps}?dryRun=Some`, { metadata: { name: 'a' } }),
  post(maps, { metadata: { name: 'a', finalizers: ['example.com/hold'], labels: {} }, data: { x: '1' } }, 'a'),
  post(maps, { metadata: { name: 'a' } }),
  post(maps, { metadata: { generateName: 'generated-', uid: 'mine', deletionTimestamp: '2020-01-01T00:00:00Z' } }, 'g'),
  post(maps, { metadata: {} }),
  post(maps, { metadata: { name: 'B_' } }),
  post(maps, { metadata: { name: 'b', labels: { app: 'a b' } } }),
  post(maps, { metadata: { name: 'b', namespace: 'other' } }),
  post(maps, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'b' } }),
  post(maps, '{bad'),
  post('/api/v1/namespaces/missing/configmaps', { metadata: { name: 'b' } }),
  post('/api/v1/configmaps', { metadata: { name: 'b', namespace: NAMESPACE } }),
  put(maps, { metadata: { name: 'b' } }),
];

const updates: ParityStep[] = [
  put(`${maps}/a`, { metadata: { name: 'a', finalizers: ['example.com/hold'] }, data: { x: '1' } }),
  put(`${maps}/a`, { metadata: { name: 'a', finalizers: ['example.com/hold'] }, data: { x: '2' } }, 'a2'),
  put(`${maps}/a`, { metadata: { name: 'a', resourceVersion: '{rv:a}' } }),
  put(`${maps}/a`, { metadata: { name: 'a', uid: 'other' } }),
  put(`${maps}/a`, { metadata: { name: 'z' } }),
  put(`${maps}/missing`, { metadata: { name: 'missing' } }),
  put(`${leases}/l`, { metadata: { name: 'l' }, spec: {} }, 'l'),
  put(`${leases}/l`, { metadata: { name: 'l' }, spec: { holderIdentity: 'x' } }),
  put(`${leases}/l`, { metadata: { name: 'l', resourceVersion: '{rv:l}' }, spec: { holderIdentity: 'x' } }),
  put(`${leases}/l`, { metadata: { name: 'l', resourceVersion: '{rv:l}' }, spec: { holderIdentity: 'y' } }),
];

const patches: ParityStep[] = [
  merge(`${maps}/a`, { data: { y: '1', x: null } }),
  merge(`${maps}/a`, { data: { y: '1' } }),
  merge(`${maps}/a?dryRun=All`, { data: { y: '9' } }),
  merge(`${maps}/a`, { metadata: { resourceVersion: '{rv:a}' }, data: { y: '2' } }),
  merge(`${maps}/a`, { metadata: { name: 'b' } }),
  merge(`${maps}/a`, { metadata: { namespace: 'other' } }),
  merge(`${maps}/a`, { metadata: { uid: 'b' } }),
  merge(`${maps}/a`, { metadata: { uid: null, creationTimestamp: null, resourceVersion: null, namespace: null } }),
  merge(`${maps}/missing`, { data: { y: '1' } }),
  merge(`${maps}/a`, '{bad'),
  jsonPatch(`${maps}/a`, [{ op: 'test', path: '/data/y', value: '7' }]),
  jsonPatch(`${maps}/a`, [{ op: 'remove', path: '/data/missing' }]),
  jsonPatch(`${maps}/a`, [{ op: 'nonsense', path: '/data' }]),
  jsonPatch(`${maps}/a`, { op: 'remove' }),
  jsonPatch(`${maps}/a`, [{ op: 'replace', path: '/metadata/resourceVersion', value: '{rv:a}' }]),
  jsonPatch(`${maps}/a`, [
    { op: 'test', path: '/data/y', value: '1' },
    { op: 'add', path: '/metadata/annotations', value: { 'example.com/a': '1' } },
    { op: 'add', path: '/metadata/annotations/example.com~1b', value: '2' },
    { op: 'copy', from: '/data/y', path: '/data/c' },
    { op: 'move', from: '/data/c', path: '/data/m' },
    { op: 'add', path: '/metadata/finalizers/-', value: 'example.com/second' },
  ]),
  jsonPatch(`${maps}/a`, [{ op: 'remove', path: '/metadata/finalizers/1' }]),
  { method: 'PATCH', path: `${maps}/a`, headers: type('text/plain'), body: {} },
  apply(`${maps}/applied`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' } }),
  apply(`${maps}/applied?fieldManager=m`, { apiVersion: 'v1', kind: 'ConfigMap', data: { x: '1' } }),
  apply(`${maps}/applied?fieldManager=m`, applied),
  apply(`${maps}/applied?fieldManager=m`, applied),
  apply(`${maps}/applied?fieldManager=m`, { ...applied, data: { x: '2' } }),
  get(`${maps}/a/scale`),
  apply(`${maps}/applied?fieldManager=m`, { metadata: { name: 'applied' } }),
  apply(`${maps}/none?fieldManager=m`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'none', uid: 'u' } }),
];

const customResources: ParityStep[] = [
  post(widgets, { metadata: { name: 'w' } }),
  post(widgets, { ...widget, metadata: { name: 'w', generation: 7 }, spec: { a: 1 }, status: { b: 1 } }, 'w'),
  put(`${widgets}/w`, { ...widget, metadata: { name: 'w' }, spec: { a: 2 } }),
  put(`${widgets}/none`, { ...widget, metadata: { name: 'none' } }),
  merge(`${widgets}/w`, { spec: { a: 2 }, status: { b: 2 } }),
  merge(`${widgets}/w/status`, { metadata: { labels: { l: '1' } }, spec: { a: 3 }, status: { b: 3 } }),
  merge(`${widgets}/w/status`, { status: { b: 3 } }),
  merge(`${widgets}/w/status`, { metadata: { resourceVersion: '{rv:w}' }, status: { b: 4 } }),
  merge(`${widgets}/w`, { other: 1 }),
  merge(`${widgets}/w`, { metadata: { labels: { l: '2' }, finalizers: ['example.com/hold'] } }),
  get(`${widgets}/w/status`),
  get(`${widgets}/w/scale`),
  get(widgets),
  remove(`${widgets}/w`),
  merge(`${widgets}/w`, { spec: { a: 5 } }),
  merge(`${widgets}/w`, { metadata: { finalizers: null } }),
  get(`${widgets}/w`),
];

const builtIn: ParityStep[] = [
  post(secrets, { metadata: { name: 's' }, immutable: true, data: { x: 'MQ==' }, type: 'Opaque' }),
  merge(`${secrets}/s`, { data: { x: 'Mg==' } }),
  merge(`${secrets}/s`, { immutable: null }),
  merge(`${secrets}/s`, { type: 'example.com/other' }),
  merge(`${secrets}/s`, { metadata: { labels: { l: '1' } } }),
  get(`${secrets}?fieldSelector=type%3DOpaque`),
  get(`${secrets}?fieldSelector=type!%3DOpaque`),
  remove(`${secrets}/s`),
  get(`/api/v1/namespaces/${NAMESPACE}`),
  put(`/api/v1/namespaces/${NAMESPACE}`, { metadata: { name: NAMESPACE, labels: { l: '1' } } }),
  merge(`/api/v1/namespaces/${NAMESPACE}`, { spec: { finalizers: [] }, status: { phase: 'Terminating' } }),
  post('/api/v1/namespaces', { metadata: { name: 'not.a.label' } }),
];

const deletes: ParityStep[] = [
  remove(`${maps}/a`, { preconditions: { uid: 'other' } }),
  remove(`${maps}/a`, { preconditions: { resourceVersion: '{rv:a}' } }),
  remove(`${maps}/a?dryRun=All`),
  remove(`${maps}/a`, { preconditions: { uid: '{uid:a}' } }),
  remove(`${maps}/a`),
  merge(`${maps}/a`, { metadata: { finalizers: ['example.com/hold', 'example.com/new'] } }),
  merge(`${maps}/a`, { metadata: { finalizers: [] } }),
  get(`${maps}/a`),
  remove(`${maps}/a`),
  remove(`${maps}/applied`, { dryRun: ['All'] }),
  remove(`${maps}/applied`),
  remove(`${leases}/l`),
];

const paths: ParityStep[] = [
  get('/api/v1/nothings'),
  get(`/api/v1/namespaces/${NAMESPACE}/namespaces`),
  get('/api/v1/configmaps/a'),
  get('/apis/test.example.com/v9/widgets'),
  get('/apis/missing.example.com/v1/things'),
  { path: `${maps}/a`, headers: { accept: 'text/html' } },
];

const reads: ParityStep[] = [
  ...['1', '2', '3', '4', '5'].map(n => post(maps, { metadata: { name: `p${n}`, labels: { n } } }, `p${n}`)),
  get(`${maps}?labelSelector=n`),
  get(`${maps}?labelSelector=n%20in%20(1,2),n!%3D2`),
  get(`${maps}?labelSelector=!n&fieldSelector=metadata.namespace%3D${NAMESPACE}`),
  get(`${maps}?labelSelector=a%20b`),
  get(`${maps}?fieldSelector=metadata.name%3Dp1`),
  get(`${maps}?fieldSelector=metadata.name!%3Dp1&limit=1`),
  get(`${maps}?fieldSelector=data.x%3D1`),
  get(`${maps}?labelSelector=n&limit=2`, 'page'),
  get(`${maps}?limit=2`, 'all'),
  merge(`${maps}/p4`, { data: { late: '1' } }),
  remove(`${maps}/p5`),
  get(`${maps}?limit=2&continue={continue:all}`),
  get(`${maps}?labelSelector=n&limit=2&continue={continue:page}`),
  get(`${maps}?limit=2&continue={continue:all}&resourceVersion=0`),
  get(`${maps}?limit=2&continue={continue:all}&resourceVersion={rv:p1}`),
  get(`${maps}?limit=2&continue={continue:all}&resourceVersion={rv:p1}&resourceVersionMatch=Exact`),
  get(`${maps}?continue=nonsense`),
  get(`${maps}?limit=2&resourceVersion=0`),
  get(`${maps}?resourceVersion={rv:p1}&labelSelector=n`),
  get(`${maps}?resourceVersion={rv:p2}&resourceVersionMatch=Exact&labelSelector=n`),
  get(`${maps}?resourceVersion=0&resourceVersionMatch=Exact`),
  get(`${maps}?resourceVersionMatch=NotOlderThan`),
  get(`${maps}?resourceVersion=99999999`),
  get(`${maps}?resourceVersion=nonsense`),
  get(`${maps}?limit=nonsense`),
  get(`${maps}?sendInitialEvents=true`),
  { path: maps, headers: partial('PartialObjectMetadataList') },
  { path: maps, headers: partial('PartialObjectMetadata') },
  { path: `${maps}/p1`, headers: partial('PartialObjectMetadata') },
  { path: `${maps}/p1`, headers: { accept: `${partial('Nonsense').accept}, application/json` } },
  post(maps, { metadata: { name: 'p5', labels: { n: '5' } } }),
];

const changes: ParityStep[] = [
  merge(`${maps}/p2`, { metadata: { labels: { n: '1' } } }, 'before'),
  merge(`${maps}/p2`, { data: { x: '1' } }),
  merge(`${maps}/p2`, { metadata: { labels: { n: '2' } }, data: { x: '2' } }),
  merge(`${maps}/p1`, { metadata: { finalizers: ['example.com/hold'] } }),
  remove(`${maps}/p1`),
  merge(`${maps}/p1`, { metadata: { finalizers: null }, data: { lost: '1' } }),
  post(maps, { metadata: { name: 'p1', labels: { n: '1' } } }),
];

const streaming = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
const watches: ParityStep[] = [
  watch('labelSelector=n%3D1'),
  watch('labelSelector=n%3D1&allowWatchBookmarks=true'),
  watch('labelSelector=n%3D1&resourceVersion=0'),
  watch('labelSelector=n%3D1&resourceVersion={rv:before}'),
  watch('labelSelector=n&resourceVersion={rv:before}'),
  watch('fieldSelector=metadata.name%3Dp1&resourceVersion={rv:before}', partial('PartialObjectMetadata')),
  watch('resourceVersion=99999999'),
  watch('resourceVersion=nonsense'),
  watch('sendInitialEvents=true'),
  watch('resourceVersionMatch=NotOlderThan'),
  watch(`${streaming}&labelSelector=n%3D3`),
  watch(`${streaming}&labelSelector=n%3D3&allowWatchBookmarks=true`),
  watch(`${streaming}&labelSelector=n%3D3&allowWatchBookmarks=true&resourceVersion=0`),
  watch(`${streaming}&labelSelector=n%3D3&allowWatchBookmarks=true`, partial('PartialObjectMetadata')),
  watch(`${streaming}&resourceVersion=99999999`),
  watch('labelSelector=a%20b'),
];

const ends: ParityStep[] = [
  remove(`${maps}?labelSelector=n`),
  post('/api/v1/namespaces', { metadata: { name: 'held', finalizers: ['example.com/hold'] } }),
  remove('/api/v1/namespaces/held'),
  post('/api/v1/namespaces/held/configmaps', { metadata: { name: 'x' } }),
];

export const PARITY_SCRIPT: readonly (ParityStep | readonly ParityStep[])[] = [
  post('/api/v1/namespaces', { metadata: { name: NAMESPACE } }),
  ...creates,
  ...updates,
  ...patches,
  ...customResources,
  ...builtIn,
  ...deletes,
  ...paths,
  ...reads,
  ...changes,
  watches,
  ...ends,
];
