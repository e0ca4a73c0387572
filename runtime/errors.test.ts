import { describe, expect, test } from '@jest/globals';
import * as errors from './errors.ts';

const apiError = (code: number, reason = '') => new errors.ApiError(code, { reason, message: 'why' }, 'GET /x');

describe('ApiError', () => {
  test('says the request and the server’s own sentence', () => {
    expect(apiError(404, 'NotFound').message).toBe('GET /x: why');
    expect(new errors.ApiError(502, {}, 'GET /x').message).toBe('GET /x: HTTP 502');
  });

  test('is recognized by its code and reason', () => {
    expect(errors.isForbidden(apiError(403))).toBe(true);
    expect(errors.isUnauthorized(apiError(401))).toBe(true);
    expect(errors.isInvalid(apiError(422))).toBe(true);
    expect(errors.isTooLarge(apiError(413))).toBe(true);
    expect(errors.isExpired(apiError(410))).toBe(true);
    expect(errors.isAlreadyExists(apiError(409, 'AlreadyExists'))).toBe(true);
    expect(errors.isConflict(apiError(409, 'AlreadyExists'))).toBe(false);
    expect(errors.isConflict(apiError(409, 'Conflict'))).toBe(true);
    expect(errors.isNotFound(new Error('404'))).toBe(false);
  });

  test('of an object that is not there is told from that of a kind that is not served', () => {
    const gone = { reason: 'NotFound', message: 'configmaps "a" not found', details: { name: 'a' } };
    expect(errors.isNotFound(new errors.ApiError(404, gone, 'GET /x'))).toBe(true);
    expect(errors.isNotFound(apiError(404, 'NotFound'))).toBe(false);
    expect(errors.isNotFound(apiError(404))).toBe(false);
  });
});

describe('ConnectionError', () => {
  test('knows the code of its innermost cause', () => {
    const socket = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    const wrapped = new Error('fetch failed', { cause: socket });
    expect(new errors.ConnectionError('no answer', { cause: wrapped }).code).toBe('ECONNREFUSED');
    expect(new errors.ConnectionError('no answer').code).toBe('');
  });
});

describe('errorMessage', () => {
  test('has the messages of the causes', () => {
    const inner = new Error('inner');
    expect(errors.errorMessage(new Error('outer', { cause: inner }))).toBe('outer: inner');
    expect(errors.errorMessage(new AggregateError([inner, new Error('other')], 'all'))).toBe('all: inner; other');
    expect(errors.errorMessage('text')).toBe('text');
    expect(errors.errorMessage(undefined)).toBe('undefined');
  });
});

describe('what a server says', () => {
  const LONG = 'x'.repeat(1_000_000);

  test('is one printable line, of the message and of what it is made of', () => {
    const said = 'no\x1b[31m\nlevel=error \u202egnp.exe';
    const status = { reason: said, message: said, details: { name: said, causes: [{ message: said, field: said }] } };
    const error = new errors.ApiError(403, status, 'GET /x');
    const clean = 'no level=error gnp.exe';
    expect(error.message).toBe(`GET /x: ${clean}`);
    expect(error).toMatchObject({
      reason: clean,
      status: { message: clean, details: { name: clean, causes: [{ message: clean, field: clean }] } },
    });
    expect(errors.errorMessage(new Error('outer\n', { cause: new Error(said) }))).toBe(`outer : ${clean}`);
    expect(new errors.AnswerError('GET /x', said).problem).toBe(clean);
  });

  test('is cut', () => {
    const causes = Array.from({ length: 1_000 }, () => ({ message: LONG }));
    const error = new errors.ApiError(403, { reason: LONG, message: LONG, details: { causes } }, `GET /${LONG}`);
    expect(error.message.length).toBeLessThan(2_100);
    expect(JSON.stringify(error.status).length).toBeLessThan(20_000);
    expect(new errors.AnswerError(LONG, LONG).message.length).toBeLessThan(2_100);
    expect(errors.errorMessage(new Error(LONG, { cause: new Error(LONG) }))).toHaveLength(2_048);
    expect(
      errors.errorMessage(
        new AggregateError(
          causes.map(() => new Error('one')),
          'all',
        ),
      ),
    ).toContain('992 more');
    const cycle = new Error('again');
    cycle.cause = cycle;
    expect(errors.errorMessage(cycle)).toContain('again: again');
  });
});
