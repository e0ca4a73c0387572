// Generated from crds/ by hack/generate. Do not edit: change the CRD and run it again.

export * from './condition.ts';
export * from './clusteraccess.ts';
export * from './cluster.ts';
export * from './project.ts';
export * from './roletemplatebinding.ts';
export * from './roletemplate.ts';
