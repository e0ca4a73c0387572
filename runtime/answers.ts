import { ApiError, type StatusBody } from './errors.ts';
import type { HttpResponse } from './http.ts';
import type { Method } from './transport.ts';

/** The JSON of a 2xx answer. @throws ApiError for every other one */
export function parseAnswer<T>(response: HttpResponse, method: Method, path: string): T {
  if (response.status >= 200 && response.status < 300) return JSON.parse(response.body);
  throw apiError(response.status, response.body, `${method} ${path.split('?')[0]}`);
}

/** The error that an answer stands for, also when a proxy gave it and it is no Status. */
export function apiError(code: number, body: string, request: string): ApiError {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'kind' in parsed && parsed.kind === 'Status')
      return new ApiError(code, parsed as StatusBody, request);
  } catch {
    // not JSON: a proxy or load balancer answered
  }
  return new ApiError(code, { message: `HTTP ${code} ${body.slice(0, 200).trim()}` }, request);
}
