// Generated from crds/ by hack/generate. Do not edit: change the CRD and run it again.

/**
 * One aspect of the object's state.
 */
export interface Condition {
  /**
   * Name of the aspect, in CamelCase.
   */
  type: string;
  /**
   * Whether the condition holds.
   */
  status: 'True' | 'False' | 'Unknown';
  /**
   * The metadata.generation that the condition was computed from.
   */
  observedGeneration?: number;
  /**
   * When status last changed.
   */
  lastTransitionTime: string;
  /**
   * Why, as one word in CamelCase for programs.
   */
  reason: string;
  /**
   * Why, as a sentence for people that says what to do.
   */
  message: string;
}
