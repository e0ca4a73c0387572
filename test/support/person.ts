import { Client, Transport } from '#runtime';
import type { User } from '../../hack/control-plane/control-plane.ts';
import type { Site } from './fleet.ts';
import { credentialsOf } from './operators.ts';
import { sendOver, type UserAnswer, type UserRequest } from './token-user.ts';

/** What somebody asks whether they may do it. */
export interface Deed {
  readonly verb: string;
  readonly resource: string;
  readonly group?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

interface Review {
  readonly status?: { readonly allowed?: boolean };
}

const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** Somebody whom an API server knows by a client certificate, who asks and acts for themselves. */
export class Person {
  readonly name: string;
  readonly groups: readonly string[];
  readonly client: Client;

  constructor({ controlPlane }: Site, { user, groups = [] }: User) {
    this.name = user;
    this.groups = groups;
    const credentials = credentialsOf(controlPlane.kubeconfigFor({ user, groups }));
    this.client = new Client(new Transport({ credentials }), { fieldManager: 'person' });
  }

  /** Whatever the server answers. */
  async send(request: UserRequest): Promise<UserAnswer> {
    return await sendOver(this.client.transport, request);
  }

  /** What the API server says; a deed may be words of kubectl: `get pods`, `patch deployments.apps/status web`. */
  async may(deed: Deed | string, namespace?: string): Promise<boolean> {
    const resourceAttributes = typeof deed === 'string' ? attributes(deed, namespace) : deed;
    const body = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes },
    };
    const answer = await this.send({ method: 'POST', path: REVIEWS, body });
    return (JSON.parse(answer.body) as Review).status?.allowed ?? false;
  }

  async close(): Promise<void> {
    await this.client.transport.close();
  }
}

function attributes(text: string, namespace: string | undefined): Deed {
  const [verb = '', what = '', name] = text.split(' ');
  const [resources = '', subresource] = what.split('/');
  const [resource = '', ...group] = resources.split('.');
  return {
    verb,
    resource,
    group: group.join('.'),
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
}
