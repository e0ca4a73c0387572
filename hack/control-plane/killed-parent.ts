// Starts a control plane in the folder given, freezes its API server, tells the pids and waits to be killed: the part
// of control-plane.test.ts that has to be a process of its own.
import { startControlPlane } from './control-plane.ts';

const [dir] = process.argv.slice(2);
if (dir === undefined) throw new Error('usage: killed-parent.ts DIR');
const { apiServer, etcd, controllerManager } = await startControlPlane({ name: 'killed', dir });
apiServer.freeze();
console.log(`pids ${[apiServer.pid, etcd.pid, controllerManager?.pid].join(' ')}`);
