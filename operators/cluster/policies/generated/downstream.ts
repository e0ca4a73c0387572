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
          "expression": "variables.project == '' || variables.mayCreateIn",
          "messageExpression": "'metadata.labels[paddock.dev/project] \"' + variables.project + '\": only one who holds the verb create-in-project on projects.paddock.dev \"' + variables.project + '\" creates namespaces in that project, and \"' + request.userInfo.username + '\" does not: name a project of your own'"
        },
        {
          "expression": "variables.project != '' || !variables.createsForProjectsOnly",
          "messageExpression": "'metadata.labels[paddock.dev/project] is missing: \"' + request.userInfo.username + '\" may create namespaces in projects only; set the label to a project of your own'"
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
          "name": "is-or-was-in-a-project-or-changes-its-labels",
          "expression": "object.metadata.?labels[?'paddock.dev/project'].orValue('') != '' || (request.operation == 'UPDATE' && object.metadata.?labels != oldObject.metadata.?labels)"
        }
      ],
      "variables": [
        {
          "name": "from",
          "expression": "request.operation == 'UPDATE' ? oldObject.metadata.?labels[?'paddock.dev/project'].orValue('') : ''"
        },
        {
          "name": "to",
          "expression": "object.metadata.?labels[?'paddock.dev/project'].orValue('')"
        },
        {
          "name": "labelsBefore",
          "expression": "request.operation == 'UPDATE' ? oldObject.metadata.?labels.orValue({}) : {}"
        },
        {
          "name": "labelsNow",
          "expression": "object.metadata.?labels.orValue({})"
        },
        {
          "name": "changed",
          "expression": "variables.labelsNow.filter(key, key.startsWith('pod-security.kubernetes.io/') && variables.labelsBefore[?key] != variables.labelsNow[?key]) + variables.labelsBefore.filter(key, key.startsWith('pod-security.kubernetes.io/') && !(key in variables.labelsNow))"
        },
        {
          "name": "quotaChanged",
          "expression": "object.metadata.?annotations[?'paddock.dev/quota'] != (request.operation == 'UPDATE' ? oldObject.metadata.?annotations[?'paddock.dev/quota'] : optional.none())"
        },
        {
          "name": "setsSecurity",
          "expression": "(variables.from == '' || authorizer.group('paddock.dev').resource('projects').name(variables.from) .check('update-pod-security').allowed()) && (variables.to == '' || authorizer.group('paddock.dev').resource('projects').name(variables.to).check('update-pod-security').allowed())"
        },
        {
          "name": "setsQuota",
          "expression": "(variables.from == '' || authorizer.group('paddock.dev').resource('projects').name(variables.from) .check('manage-namespaces').allowed()) && (variables.to == '' || authorizer.group('paddock.dev').resource('projects').name(variables.to).check('manage-namespaces').allowed())"
        },
        {
          "name": "isOutside",
          "expression": "variables.from == '' && variables.to == ''"
        },
        {
          "name": "actsByAProjectOnly",
          "expression": "authorizer.group('paddock.dev').resource('projects').name('any').check('create-in-project').allowed() && !authorizer.group('').resource('namespaces').check('update').allowed()"
        },
        {
          "name": "projects",
          "expression": "variables.from == '' || variables.from == variables.to ? '\"' + variables.to + '\"' : variables.to == '' ? '\"' + variables.from + '\"' : '\"' + variables.from + '\" and \"' + variables.to + '\"'"
        }
      ],
      "validations": [
        {
          "expression": "variables.changed.size() == 0 || variables.setsSecurity",
          "messageExpression": "'metadata.labels[' + variables.changed[0] + ']: only one who holds the verb update-pod-security on projects.paddock.dev ' + variables.projects + ' sets, changes or removes it in a namespace of the project, and \"' + request.userInfo.username + '\" does not: ask an owner of the cluster'"
        },
        {
          "expression": "variables.changed.size() == 0 || !variables.isOutside || !variables.actsByAProjectOnly",
          "messageExpression": "'metadata.labels[' + variables.changed[0] + ']: namespace \"' + object.metadata.name + '\" is in no project; only one who may update all namespaces, or has no rights by a project, sets, changes or removes it, and \"' + request.userInfo.username + '\" does not: ask an owner of the cluster'"
        },
        {
          "expression": "!variables.quotaChanged || variables.setsQuota",
          "messageExpression": "'metadata.annotations[paddock.dev/quota]: only one who holds the verb manage-namespaces on projects.paddock.dev ' + variables.projects + ' sets, changes or removes it in a namespace of the project, and \"' + request.userInfo.username + '\" does not: ask an owner of the project'"
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
          "expression": "object.metadata.?labels[?'paddock.dev/project'].orValue('') != oldObject.metadata.?labels[?'paddock.dev/project'].orValue('')"
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
          "name": "managesSource",
          "expression": "variables.from == '' || authorizer.group('paddock.dev').resource('projects').name(variables.from) .check('manage-namespaces').allowed()"
        },
        {
          "name": "managesTarget",
          "expression": "variables.to == '' || authorizer.group('paddock.dev').resource('projects').name(variables.to) .check('manage-namespaces').allowed()"
        },
        {
          "name": "managesAll",
          "expression": "authorizer.group('paddock.dev').resource('projects').check('manage-namespaces').allowed()"
        }
      ],
      "validations": [
        {
          "expression": "variables.managesSource",
          "messageExpression": "'metadata.labels[paddock.dev/project] \"' + variables.from + '\": only one who holds the verb manage-namespaces on projects.paddock.dev \"' + variables.from + '\" takes a namespace out of that project, and \"' + request.userInfo.username + '\" does not: ask an owner of the project'"
        },
        {
          "expression": "variables.managesTarget",
          "messageExpression": "'metadata.labels[paddock.dev/project] \"' + variables.to + '\": only one who holds the verb manage-namespaces on projects.paddock.dev \"' + variables.to + '\" puts a namespace into that project, and \"' + request.userInfo.username + '\" does not: ask an owner of the project'"
        },
        {
          "expression": "variables.from != '' || variables.managesAll",
          "messageExpression": "'metadata.labels[paddock.dev/project] \"' + variables.to + '\": namespace \"' + object.metadata.name + '\" is in no project yet; only one who holds the verb manage-namespaces on all projects.paddock.dev puts it into one, and \"' + request.userInfo.username + '\" does not: ask an owner of the cluster, or create a namespace with the label'"
        }
      ]
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
  }
];
