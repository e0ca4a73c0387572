// Generated from manifests/downstream/ by hack/generate. Do not edit: change the YAML and run it again.
import type { PolicyManifest } from '../kinds.ts';

/** The admission policies that every cluster gets, then their bindings. */
export const DOWNSTREAM_POLICIES: readonly PolicyManifest[] = [
  {
    "kind": "ValidatingAdmissionPolicy",
    "name": "paddock-accounts",
    "spec": {
      "failurePolicy": "Fail",
      "matchConstraints": {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {
          "matchLabels": {
            "kubernetes.io/metadata.name": "paddock-users"
          }
        },
        "objectSelector": {},
        "resourceRules": [
          {
            "scope": "*",
            "apiGroups": [
              ""
            ],
            "apiVersions": [
              "v1"
            ],
            "operations": [
              "CREATE"
            ],
            "resources": [
              "serviceaccounts/token",
              "secrets",
              "pods"
            ]
          }
        ]
      },
      "variables": [
        {
          "name": "isToken",
          "expression": "request.resource.resource == 'serviceaccounts'"
        },
        {
          "name": "mayEscalate",
          "expression": "authorizer.group('rbac.authorization.k8s.io').resource('clusterroles').check('escalate').allowed()"
        }
      ],
      "validations": [
        {
          "expression": "!variables.isToken || variables.mayEscalate",
          "messageExpression": "'serviceaccounts \"' + request.name + '\": a token of an account in namespace paddock-users is given by a ClusterAccess in the hub; only one who holds the verb escalate on clusterroles asks for one here, and \"' + request.userInfo.username + '\" does not'"
        },
        {
          "expression": "request.resource.resource != 'secrets' || !has(object.type) || object.type != 'kubernetes.io/service-account-token'",
          "message": "type: kubernetes.io/service-account-token is refused in namespace paddock-users: its token would never end; make a ClusterAccess in the hub"
        },
        {
          "expression": "request.resource.resource != 'pods'",
          "message": "metadata.namespace: no pod runs in namespace paddock-users, where it could act as a person"
        }
      ]
    },
    "probe": {
      "method": "POST",
      "path": "/api/v1/namespaces/paddock-users/serviceaccounts/policy-probe/token",
      "body": {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {
          "audiences": [
            "policy-probe"
          ]
        }
      },
      "rules": [
        {
          "apiGroups": [
            ""
          ],
          "resources": [
            "serviceaccounts/token"
          ],
          "resourceNames": [
            "policy-probe"
          ],
          "verbs": [
            "create"
          ]
        }
      ],
      "namespace": "paddock-users"
    }
  },
  {
    "kind": "ValidatingAdmissionPolicy",
    "name": "paddock-aggregation",
    "spec": {
      "failurePolicy": "Fail",
      "matchConstraints": {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": [
          {
            "scope": "*",
            "apiGroups": [
              "rbac.authorization.k8s.io"
            ],
            "apiVersions": [
              "v1"
            ],
            "operations": [
              "CREATE",
              "UPDATE"
            ],
            "resources": [
              "clusterroles"
            ]
          }
        ]
      },
      "matchConditions": [
        {
          "name": "is-labelled",
          "expression": "object.metadata.?labels.orValue({}).exists(key, key.startsWith('aggregate.paddock.dev/'))"
        }
      ],
      "variables": [
        {
          "name": "before",
          "expression": "request.operation == 'UPDATE' ? oldObject.metadata.?labels.orValue({}) : {}"
        },
        {
          "name": "now",
          "expression": "object.metadata.?labels.orValue({})"
        },
        {
          "name": "set",
          "expression": "variables.now.filter(key, variables.before[?key] != variables.now[?key] && (key.startsWith('aggregate.paddock.dev/') || key in ['app.kubernetes.io/managed-by', 'paddock.dev/cluster', 'paddock.dev/owner']))"
        },
        {
          "name": "mayEscalate",
          "expression": "authorizer.group('rbac.authorization.k8s.io').resource('clusterroles').check('escalate').allowed()"
        }
      ],
      "validations": [
        {
          "expression": "variables.set.size() == 0 || variables.mayEscalate",
          "messageExpression": "'metadata.labels[' + variables.set[0] + ']: would put the rules of ClusterRole \"' + object.metadata.name + '\" into a RoleTemplate, for everybody who is bound to it; only one who holds the verb escalate on clusterroles sets this label, and \"' + request.userInfo.username + '\" does not'"
        }
      ]
    },
    "probe": {
      "method": "POST",
      "path": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
      "body": {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {
          "name": "policy-probe",
          "labels": {
            "aggregate.paddock.dev/policy--probe": "true"
          }
        },
        "rules": []
      },
      "rules": [
        {
          "apiGroups": [
            "rbac.authorization.k8s.io"
          ],
          "resources": [
            "clusterroles"
          ],
          "verbs": [
            "create"
          ]
        }
      ]
    }
  },
  {
    "kind": "ValidatingAdmissionPolicy",
    "name": "paddock-namespace-creation",
    "spec": {
      "failurePolicy": "Fail",
      "matchConstraints": {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": [
          {
            "scope": "*",
            "apiGroups": [
              ""
            ],
            "apiVersions": [
              "v1"
            ],
            "operations": [
              "CREATE"
            ],
            "resources": [
              "namespaces"
            ]
          }
        ]
      },
      "variables": [
        {
          "name": "project",
          "expression": "object.metadata.?labels[?'paddock.dev/project'].orValue('')"
        },
        {
          "name": "mayCreateIn",
          "expression": "variables.project == 'any' ? authorizer.group('paddock.dev').resource('projects').check('create-in-project').allowed() : authorizer.group('paddock.dev').resource('projects').name(variables.project).check('create-in-project').allowed()"
        },
        {
          "name": "createsForProjectsOnly",
          "expression": "authorizer.group('paddock.dev').resource('projects').name('any').check('create-in-project').allowed() && !authorizer.group('paddock.dev').resource('projects').check('manage-namespaces').allowed()"
        }
      ],
      "validations": [
        {
          "expression": "variables.project == '' || !object.metadata.name.matches('^(c|p|paddock)-')",
          "messageExpression": "'metadata.name \"' + object.metadata.name + '\": names that begin with c-, p- or paddock- are reserved for Paddock, so that a namespace of this name is in no project, \"' + variables.project + '\" in metadata.labels[paddock.dev/project] included: use another name'"
        },
        {
          "expression": "!object.metadata.name.startsWith('kube-') || !variables.createsForProjectsOnly",
          "messageExpression": "'metadata.name \"' + object.metadata.name + '\": names that begin with kube- are reserved for Kubernetes; \"' + request.userInfo.username + '\" may create namespaces in projects only, and of other names: use another name'"
        },
        {
          "expression": "variables.project == '' || (variables.project.size() <= 30 && variables.project.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && !variables.project.contains('--'))",
          "messageExpression": "'metadata.labels[paddock.dev/project] \"' + variables.project + '\" must be the name of a project: a DNS label of at most 30 characters, without \"--\"'"
        },
        {
          "expression": "variables.project == '' || variables.mayCreateIn",
          "messageExpression": "'metadata.labels[paddock.dev/project] \"' + variables.project + '\": only one who holds the verb create-in-project on projects.paddock.dev \"' + variables.project + '\" creates namespaces in that project, and \"' + request.userInfo.username + '\" does not: name a project of your own'"
        },
        {
          "expression": "variables.project != '' || !variables.createsForProjectsOnly",
          "messageExpression": "'metadata.labels[paddock.dev/project] is missing: \"' + request.userInfo.username + '\" may create namespaces in projects only; set the label to a project of your own'"
        }
      ]
    },
    "probe": {
      "method": "POST",
      "path": "/api/v1/namespaces",
      "body": {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
          "name": "policy-probe",
          "labels": {
            "paddock.dev/project": "policy--probe"
          }
        }
      },
      "rules": [
        {
          "apiGroups": [
            ""
          ],
          "resources": [
            "namespaces"
          ],
          "verbs": [
            "create"
          ]
        }
      ]
    }
  },
  {
    "kind": "ValidatingAdmissionPolicy",
    "name": "paddock-namespace-limit",
    "spec": {
      "failurePolicy": "Fail",
      "paramKind": {
        "apiVersion": "v1",
        "kind": "ConfigMap"
      },
      "matchConstraints": {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": [
          {
            "scope": "*",
            "apiGroups": [
              ""
            ],
            "apiVersions": [
              "v1"
            ],
            "operations": [
              "CREATE"
            ],
            "resources": [
              "namespaces"
            ]
          }
        ]
      },
      "matchConditions": [
        {
          "name": "is-in-a-project",
          "expression": "object.metadata.?labels[?'paddock.dev/project'].orValue('') != ''"
        }
      ],
      "variables": [
        {
          "name": "project",
          "expression": "object.metadata.labels['paddock.dev/project']"
        },
        {
          "name": "limit",
          "expression": "params.?data[?variables.project].orValue('')"
        }
      ],
      "validations": [
        {
          "expression": "variables.limit == ''",
          "messageExpression": "'metadata.labels[paddock.dev/project] \"' + variables.project + '\": the project has ' + variables.limit + ' namespaces, as many as its spec.namespaceLimit allows: delete one, or ask an owner of the cluster to raise the limit'"
        }
      ]
    }
  },
  {
    "kind": "ValidatingAdmissionPolicy",
    "name": "paddock-namespace-limits",
    "spec": {
      "failurePolicy": "Fail",
      "matchConstraints": {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": [
          {
            "scope": "*",
            "apiGroups": [
              ""
            ],
            "apiVersions": [
              "v1"
            ],
            "operations": [
              "CREATE",
              "UPDATE"
            ],
            "resources": [
              "namespaces",
              "namespaces/status",
              "namespaces/finalize"
            ]
          }
        ]
      },
      "matchConditions": [
        {
          "name": "is-created-or-changes-its-metadata",
          "expression": "request.operation == 'CREATE' || object.metadata.?labels != oldObject.metadata.?labels || object.metadata.?annotations != oldObject.metadata.?annotations || object.metadata.?managedFields != oldObject.metadata.?managedFields"
        }
      ],
      "variables": [
        {
          "name": "labelsBefore",
          "expression": "request.operation == 'UPDATE' ? oldObject.metadata.?labels.orValue({}) : {}"
        },
        {
          "name": "labelsNow",
          "expression": "object.metadata.?labels.orValue({})"
        },
        {
          "name": "annotationsBefore",
          "expression": "request.operation == 'UPDATE' ? oldObject.metadata.?annotations.orValue({}) : {}"
        },
        {
          "name": "annotationsNow",
          "expression": "object.metadata.?annotations.orValue({})"
        },
        {
          "name": "from",
          "expression": "variables.labelsBefore[?'paddock.dev/project'].orValue('')"
        },
        {
          "name": "to",
          "expression": "variables.labelsNow[?'paddock.dev/project'].orValue('')"
        },
        {
          "name": "changed",
          "expression": "['pod-security.kubernetes.io/enforce', 'pod-security.kubernetes.io/enforce-version', 'pod-security.kubernetes.io/audit', 'pod-security.kubernetes.io/audit-version', 'pod-security.kubernetes.io/warn', 'pod-security.kubernetes.io/warn-version', 'resource.kubernetes.io/admin-access', 'resource.k8s.io/admin-access', 'openshift.io/run-level', 'security.openshift.io/scc.podSecurityLabelSync'] .filter(key, variables.labelsBefore[?key] != variables.labelsNow[?key]) .map(key, 'labels[' + key + ']') + ['scheduler.alpha.kubernetes.io/node-selector', 'scheduler.alpha.kubernetes.io/defaultTolerations', 'scheduler.alpha.kubernetes.io/tolerationsWhitelist', 'openshift.io/node-selector'] .filter(key, variables.annotationsBefore[?key] != variables.annotationsNow[?key]) .map(key, 'annotations[' + key + ']')"
        },
        {
          "name": "changedIds",
          "expression": "['openshift.io/sa.scc.uid-range', 'openshift.io/sa.scc.supplemental-groups', 'openshift.io/sa.scc.mcs'] .filter(key, variables.annotationsBefore[?key] != variables.annotationsNow[?key])"
        },
        {
          "name": "staysInProjects",
          "expression": "variables.to != '' && (variables.from != '' || request.operation == 'CREATE')"
        },
        {
          "name": "setsSecurity",
          "expression": "(variables.from == '' || authorizer.group('paddock.dev').resource('projects').name(variables.from) .check('update-pod-security').allowed()) && (variables.to == '' || authorizer.group('paddock.dev').resource('projects').name(variables.to).check('update-pod-security').allowed())"
        },
        {
          "name": "setsAllSecurity",
          "expression": "authorizer.group('paddock.dev').resource('projects').check('update-pod-security').allowed()"
        },
        {
          "name": "isOutside",
          "expression": "request.operation == 'UPDATE' && variables.from == '' && variables.to == ''"
        },
        {
          "name": "hasRightsByAProject",
          "expression": "authorizer.group('paddock.dev').resource('projects').name('any').check('create-in-project').allowed()"
        },
        {
          "name": "setsQuota",
          "expression": "(variables.from == '' || authorizer.group('paddock.dev').resource('projects').name(variables.from) .check('manage-namespaces').allowed()) && (variables.to == '' || authorizer.group('paddock.dev').resource('projects').name(variables.to).check('manage-namespaces').allowed())"
        },
        {
          "name": "managesAll",
          "expression": "authorizer.group('paddock.dev').resource('projects').check('manage-namespaces').allowed()"
        },
        {
          "name": "projects",
          "expression": "variables.from == '' || variables.from == variables.to ? '\"' + variables.to + '\"' : variables.to == '' ? '\"' + variables.from + '\"' : '\"' + variables.from + '\" and \"' + variables.to + '\"'"
        },
        {
          "name": "ourEntries",
          "expression": "object.metadata.?managedFields.orValue([]).filter(entry, entry.?manager.orValue('') in ['paddock-project', 'paddock-agent-project', 'paddock-project-membership', 'paddock-agent-project-membership'])"
        },
        {
          "name": "ourEntriesBefore",
          "expression": "request.operation == 'CREATE' ? [] : oldObject.metadata.?managedFields.orValue([]).filter(entry, entry.?manager.orValue('') in ['paddock-project', 'paddock-agent-project', 'paddock-project-membership', 'paddock-agent-project-membership'])"
        },
        {
          "name": "appliesAsPaddock",
          "expression": "variables.ourEntries.size() > variables.ourEntriesBefore.size() || variables.ourEntries.exists(entry, ['f:labels', 'f:annotations'].exists(part, entry.?fieldsV1[?'f:metadata'][?part].orValue({}).exists(key, !variables.ourEntriesBefore.exists(before, before.?manager == entry.?manager && before.?operation == entry.?operation && key in before.?fieldsV1[?'f:metadata'][?part].orValue({})))))"
        }
      ],
      "validations": [
        {
          "expression": "variables.changed.size() == 0 || !variables.staysInProjects || variables.setsSecurity",
          "messageExpression": "'metadata.' + variables.changed[0] + ': only one who holds the verb update-pod-security on projects.paddock.dev ' + variables.projects + ' sets, changes or removes it in a namespace of the project, and \"' + request.userInfo.username + '\" does not: ask an owner of the cluster'"
        },
        {
          "expression": "variables.changed.size() == 0 || (variables.from == '') == (variables.to == '') || variables.staysInProjects || variables.setsAllSecurity",
          "messageExpression": "'metadata.' + variables.changed[0] + ': namespace \"' + object.metadata.name + '\" enters or leaves project ' + variables.projects + '; only one who holds the verb update-pod-security on all projects.paddock.dev sets, changes or removes the label meanwhile, and \"' + request.userInfo.username + '\" does not: ask an owner of the cluster'"
        },
        {
          "expression": "variables.changed.size() == 0 || !variables.isOutside || !variables.hasRightsByAProject || variables.setsAllSecurity",
          "messageExpression": "'metadata.' + variables.changed[0] + ': namespace \"' + object.metadata.name + '\" is in no project; of those who have rights by a project only one who holds the verb update-pod-security on all projects.paddock.dev sets, changes or removes the label, and \"' + request.userInfo.username + '\" does not: ask an owner of the cluster'"
        },
        {
          "expression": "variables.changedIds.size() == 0 || !variables.hasRightsByAProject || (variables.staysInProjects ? variables.setsSecurity : variables.setsAllSecurity)",
          "messageExpression": "'metadata.annotations[' + variables.changedIds[0] + ']: of those who have rights by a project only one who holds the verb update-pod-security on projects.paddock.dev sets, changes or removes it, and \"' + request.userInfo.username + '\" does not: ask an owner of the cluster'"
        },
        {
          "expression": "variables.annotationsBefore[?'paddock.dev/own-pod-security'] == variables.annotationsNow[?'paddock.dev/own-pod-security'] || variables.setsAllSecurity",
          "messageExpression": "'metadata.annotations[paddock.dev/own-pod-security]: only one who holds the verb update-pod-security on all projects.paddock.dev sets, changes or removes it, and \"' + request.userInfo.username + '\" does not: Paddock writes it; set the labels pod-security.kubernetes.io/ instead'"
        },
        {
          "expression": "variables.annotationsBefore[?'paddock.dev/project-uid'] == variables.annotationsNow[?'paddock.dev/project-uid'] || variables.managesAll",
          "messageExpression": "'metadata.annotations[paddock.dev/project-uid]: only one who holds the verb manage-namespaces on all projects.paddock.dev sets, changes or removes it, and \"' + request.userInfo.username + '\" does not: Paddock writes it when a namespace joins a project'"
        },
        {
          "expression": "variables.annotationsBefore[?'paddock.dev/quota'] == variables.annotationsNow[?'paddock.dev/quota'] || variables.setsQuota",
          "messageExpression": "'metadata.annotations[paddock.dev/quota]: only one who holds the verb manage-namespaces on projects.paddock.dev ' + variables.projects + ' sets, changes or removes it in a namespace of the project, and \"' + request.userInfo.username + '\" does not: ask an owner of the project'"
        },
        {
          "expression": "variables.ourEntries.size() == 0 || !variables.appliesAsPaddock || variables.managesAll",
          "messageExpression": "'metadata.managedFields: labels and annotations that are applied by the field manager \"' + variables.ourEntries[0].manager + '\" are Paddock\\'s to remove; only one who holds the verb manage-namespaces on all projects.paddock.dev applies any by it, and \"' + request.userInfo.username + '\" does not: use another field manager'"
        }
      ]
    },
    "probe": {
      "method": "PATCH",
      "path": "/api/v1/namespaces/kube-public",
      "body": {
        "metadata": {
          "annotations": {
            "paddock.dev/project-uid": "policy--probe"
          }
        }
      },
      "rules": [
        {
          "apiGroups": [
            ""
          ],
          "resources": [
            "namespaces"
          ],
          "resourceNames": [
            "kube-public"
          ],
          "verbs": [
            "patch"
          ]
        }
      ]
    }
  },
  {
    "kind": "ValidatingAdmissionPolicy",
    "name": "paddock-membership",
    "spec": {
      "failurePolicy": "Fail",
      "matchConstraints": {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": [
          {
            "scope": "*",
            "apiGroups": [
              ""
            ],
            "apiVersions": [
              "v1"
            ],
            "operations": [
              "UPDATE"
            ],
            "resources": [
              "namespaces",
              "namespaces/status",
              "namespaces/finalize"
            ]
          }
        ]
      },
      "matchConditions": [
        {
          "name": "changes-the-project",
          "expression": "object.metadata.?labels[?'paddock.dev/project'] != oldObject.metadata.?labels[?'paddock.dev/project']"
        }
      ],
      "variables": [
        {
          "name": "from",
          "expression": "oldObject.metadata.?labels[?'paddock.dev/project'].orValue('')"
        },
        {
          "name": "to",
          "expression": "object.metadata.?labels[?'paddock.dev/project'].orValue('')"
        },
        {
          "name": "moves",
          "expression": "variables.from != '' && variables.to != ''"
        },
        {
          "name": "managesSource",
          "expression": "authorizer.group('paddock.dev').resource('projects').name(variables.from).check('manage-namespaces').allowed()"
        },
        {
          "name": "managesTarget",
          "expression": "authorizer.group('paddock.dev').resource('projects').name(variables.to).check('manage-namespaces').allowed()"
        },
        {
          "name": "managesAll",
          "expression": "authorizer.group('paddock.dev').resource('projects').check('manage-namespaces').allowed()"
        }
      ],
      "validations": [
        {
          "expression": "variables.to == '' || !object.metadata.name.matches('^(c|p|paddock)-')",
          "messageExpression": "'metadata.labels[paddock.dev/project] \"' + variables.to + '\": namespace \"' + object.metadata.name + '\" is in no project, since names that begin with c-, p- or paddock- are reserved for Paddock: use a namespace of another name'"
        },
        {
          "expression": "variables.to == '' || (variables.to.size() <= 30 && variables.to.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && !variables.to.contains('--'))",
          "messageExpression": "'metadata.labels[paddock.dev/project] \"' + variables.to + '\" must be the name of a project: a DNS label of at most 30 characters, without \"--\"'"
        },
        {
          "expression": "!variables.moves || variables.managesSource",
          "messageExpression": "'metadata.labels[paddock.dev/project] \"' + variables.from + '\": only one who holds the verb manage-namespaces on projects.paddock.dev \"' + variables.from + '\" takes a namespace out of that project, and \"' + request.userInfo.username + '\" does not: ask an owner of the project'"
        },
        {
          "expression": "!variables.moves || variables.managesTarget",
          "messageExpression": "'metadata.labels[paddock.dev/project] \"' + variables.to + '\": only one who holds the verb manage-namespaces on projects.paddock.dev \"' + variables.to + '\" puts a namespace into that project, and \"' + request.userInfo.username + '\" does not: ask an owner of the project'"
        },
        {
          "expression": "variables.to != '' || variables.managesAll",
          "messageExpression": "'metadata.labels[paddock.dev/project] \"' + variables.from + '\": only one who holds the verb manage-namespaces on all projects.paddock.dev takes a namespace out of that project and puts it into none, and \"' + request.userInfo.username + '\" does not: ask an owner of the cluster, or move it to another project of yours'"
        },
        {
          "expression": "variables.from != '' || variables.managesAll",
          "messageExpression": "'metadata.labels[paddock.dev/project] \"' + variables.to + '\": namespace \"' + object.metadata.name + '\" is in no project yet; only one who holds the verb manage-namespaces on all projects.paddock.dev puts it into one, and \"' + request.userInfo.username + '\" does not: ask an owner of the cluster, or create a namespace with the label'"
        }
      ]
    },
    "probe": {
      "method": "PATCH",
      "path": "/api/v1/namespaces/kube-public",
      "body": {
        "metadata": {
          "labels": {
            "paddock.dev/project": "policy--probe"
          }
        }
      },
      "rules": [
        {
          "apiGroups": [
            ""
          ],
          "resources": [
            "namespaces"
          ],
          "resourceNames": [
            "kube-public"
          ],
          "verbs": [
            "patch"
          ]
        }
      ]
    }
  },
  {
    "kind": "ValidatingAdmissionPolicy",
    "name": "paddock-policy-probe",
    "spec": {
      "failurePolicy": "Fail",
      "matchConstraints": {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": [
          {
            "scope": "*",
            "apiGroups": [
              ""
            ],
            "apiVersions": [
              "v1"
            ],
            "operations": [
              "CREATE"
            ],
            "resources": [
              "serviceaccounts/token",
              "pods"
            ]
          },
          {
            "scope": "*",
            "apiGroups": [
              ""
            ],
            "apiVersions": [
              "v1"
            ],
            "operations": [
              "CREATE",
              "UPDATE"
            ],
            "resources": [
              "namespaces",
              "namespaces/status",
              "namespaces/finalize",
              "secrets"
            ]
          }
        ]
      },
      "matchConditions": [
        {
          "name": "is-by-the-probe-or-about-it",
          "expression": "request.userInfo.username == 'system:serviceaccount:paddock-system:policy-probe' || (request.namespace == 'paddock-system' && request.resource.resource != 'namespaces')"
        }
      ],
      "variables": [
        {
          "name": "isToken",
          "expression": "request.namespace == 'paddock-system' && request.resource.resource == 'serviceaccounts' && request.name == 'policy-probe'"
        },
        {
          "name": "isSecret",
          "expression": "request.namespace == 'paddock-system' && request.resource.resource == 'secrets' && has(object.type) && object.type == 'kubernetes.io/service-account-token' && object.metadata.?annotations[?'kubernetes.io/service-account.name'].orValue('') == 'policy-probe'"
        },
        {
          "name": "isPod",
          "expression": "request.namespace == 'paddock-system' && request.resource.resource == 'pods' && object.spec.?serviceAccountName.orValue('') == 'policy-probe'"
        },
        {
          "name": "mayEscalate",
          "expression": "authorizer.group('rbac.authorization.k8s.io').resource('clusterroles').check('escalate').allowed()"
        }
      ],
      "validations": [
        {
          "expression": "!variables.isToken || variables.mayEscalate",
          "messageExpression": "'serviceaccounts \"policy-probe\": only one who holds the verb escalate on clusterroles asks for a token of it, and \"' + request.userInfo.username + '\" does not'"
        },
        {
          "expression": "!variables.isSecret",
          "message": "metadata.annotations[kubernetes.io/service-account.name]: a token of ServiceAccount policy-probe is kept in no Secret"
        },
        {
          "expression": "!variables.isPod",
          "message": "spec.serviceAccountName: no pod runs as ServiceAccount policy-probe"
        },
        {
          "expression": "request.userInfo.username != 'system:serviceaccount:paddock-system:policy-probe' || (has(request.dryRun) && request.dryRun)",
          "message": "ServiceAccount policy-probe writes nothing: its requests are dry runs"
        }
      ]
    },
    "probe": {
      "method": "POST",
      "path": "/api/v1/namespaces/paddock-system/serviceaccounts/policy-probe/token",
      "body": {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {
          "audiences": [
            "policy-probe"
          ]
        }
      },
      "rules": [
        {
          "apiGroups": [
            ""
          ],
          "resources": [
            "serviceaccounts/token"
          ],
          "resourceNames": [
            "policy-probe"
          ],
          "verbs": [
            "create"
          ]
        }
      ],
      "namespace": "paddock-system"
    }
  },
  {
    "kind": "ValidatingAdmissionPolicyBinding",
    "name": "paddock-accounts",
    "spec": {
      "policyName": "paddock-accounts",
      "validationActions": [
        "Deny"
      ]
    }
  },
  {
    "kind": "ValidatingAdmissionPolicyBinding",
    "name": "paddock-aggregation",
    "spec": {
      "policyName": "paddock-aggregation",
      "validationActions": [
        "Deny"
      ]
    }
  },
  {
    "kind": "ValidatingAdmissionPolicyBinding",
    "name": "paddock-namespace-creation",
    "spec": {
      "policyName": "paddock-namespace-creation",
      "validationActions": [
        "Deny"
      ]
    }
  },
  {
    "kind": "ValidatingAdmissionPolicyBinding",
    "name": "paddock-namespace-limit",
    "spec": {
      "policyName": "paddock-namespace-limit",
      "validationActions": [
        "Deny"
      ],
      "paramRef": {
        "name": "full-projects",
        "namespace": "paddock-system",
        "parameterNotFoundAction": "Allow"
      }
    }
  },
  {
    "kind": "ValidatingAdmissionPolicyBinding",
    "name": "paddock-namespace-limits",
    "spec": {
      "policyName": "paddock-namespace-limits",
      "validationActions": [
        "Deny"
      ]
    }
  },
  {
    "kind": "ValidatingAdmissionPolicyBinding",
    "name": "paddock-membership",
    "spec": {
      "policyName": "paddock-membership",
      "validationActions": [
        "Deny"
      ]
    }
  },
  {
    "kind": "ValidatingAdmissionPolicyBinding",
    "name": "paddock-policy-probe",
    "spec": {
      "policyName": "paddock-policy-probe",
      "validationActions": [
        "Deny"
      ]
    }
  }
];
