// Before each test file: a counterexample in a log of thousands of lines would be shrunk for many minutes. It is told as it is found.
import fc from 'fast-check';

fc.configureGlobal({ endOnFailure: true, interruptAfterTimeLimit: 60_000 });
