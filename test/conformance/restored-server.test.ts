import { expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { ConfigMaps, FakeApiServer } from '../support/fake-api-server/index.ts';
import { ConfigMapType, configMap, converged, plainCredentials, World, within } from './world.ts';

test('a server restored from a backup: the cache goes back with it, also where it knew newer versions', async () => {
  const backup = await FakeApiServer.start({ kinds: [ConfigMaps] });
  let restored = false;
  let before = '';
  const credentials = { resolve: () => plainCredentials(restored ? backup.url : before).resolve() };
  const world = await World.start({ credentials });
  before = world.server.url;
  for (const name of ['a', 'b']) backup.store.create(configMap(name, { n: 'old' }));
  for (const name of ['a', 'b', 'lost']) world.server.store.create(configMap(name, { n: 'old' }));
  world.server.store.advance(100);
  world.server.store.update(configMap('a', { n: 'new' }));
  world.server.store.update(configMap('lost', { n: 'new' }));
  const informer = await world.informer(ConfigMapType);
  await world.client.create(ConfigMapType, { namespace: 'x' }, configMap('ours', { n: 'new' }));
  const heard: string[] = [];
  informer.subscribe({
    applied: ({ metadata, data }, old, { initial }) =>
      !initial && heard.push(`${metadata?.name} ${old?.data?.n} → ${data?.n}`),
    deleted: ({ metadata }) => heard.push(`${metadata?.name} deleted`),
  });
  await eventually(() => world.server.watchCount === 1, within('the watch is open'));

  restored = true;
  const expired = backup.faults.inject('expire', { limit: 1 }); // so that it lists
  await world.transport.refresh();
  world.server.cutWatches();
  await eventually(() => expired.hits === 1, within('it finds the restored server'));
  await converged(informer, backup);
  expect(heard.sort()).toEqual(['a new → old', 'lost deleted', 'ours deleted']);

  backup.store.update(configMap('a', { n: 'newer' }));
  await world.client.create(ConfigMapType, { namespace: 'x' }, configMap('later'));
  expect(informer.get('x/later')).toBeDefined();
  await converged(informer, backup);
  await world.stop();
  await backup.stop();
});
