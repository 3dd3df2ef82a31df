import { Code, codeText } from '../../protocol/index.ts';
import type { BeckonError } from '../EXEStarter.d.ts';

class Failure extends Error implements BeckonError {
  readonly code: number;
  declare readonly field?: string;
  declare exeUrl?: string;

  constructor(code: number, message: string, field?: string) {
    super(message);
    this.name = 'BeckonError';
    this.code = code;
    if (field !== undefined) this.field = field;
  }
}

/** An error with a code of the shared table; in the code's own words where none are given. */
export function failure(code: number, message?: string, field?: string): BeckonError {
  return new Failure(code, message ?? codeText[code] ?? `error ${code}`, field);
}

/** What was thrown, as an error with a code; one that says "not installed" names where the page has the installer. */
export function asFailure(thrown: unknown, exeUrl?: string): BeckonError {
  if (exeUrl && thrown instanceof Failure && thrown.code === Code.NotInstalled) thrown.exeUrl = exeUrl;
  if (thrown instanceof Failure) return thrown;
  return failure(Code.Internal, thrown instanceof Error ? thrown.message : String(thrown));
}
