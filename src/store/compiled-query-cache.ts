import type { Compilable, CompiledQuery, QueryResult } from 'kysely';
import type { Reader } from './schema.ts';

type Values = Record<string, string | number | null>;

interface Kept {
  compiled: CompiledQuery<unknown>;
  /** Which value each parameter of the text stands for; what is no slot is the same each time. */
  slots: readonly unknown[];
}

interface Slot {
  row: number;
  column: string;
}

/** Statements of more rows are rare and not kept. */
const KEPT_ROWS_MAX = 8;

/**
 * A query about one set of values, built and compiled once for each database and run with other values from then on: to compile
 * one costs many times what running it in SQLite does. `build` must not look at the values, only hand them on.
 */
export function keepQuery<V extends Values, R>(
  build: (db: Reader, values: V) => Compilable<R>,
): (db: Reader, values: V) => Promise<QueryResult<R>> {
  const run = keepRowsQuery<V, R>((db, [values]) => build(db, values as V));
  return (db, values) => run(db, [values]);
}

/** As `keepQuery`, for several rows of values in one statement. */
export function keepRowsQuery<V extends Values, R>(
  build: (db: Reader, rows: V[]) => Compilable<R>,
): (db: Reader, rows: V[]) => Promise<QueryResult<R>> {
  // One adapter for each open database, also within its transactions.
  const kept = new WeakMap<object, Map<number, Kept>>();

  function compile(db: Reader, size: number): Kept {
    const slots = new Map<symbol, Slot>();
    const compiled = build(
      db,
      Array.from({ length: size }, (_, row) => slotsOf<V>(row, slots)),
    ).compile();
    return { compiled, slots: compiled.parameters.map((one) => (typeof one === 'symbol' ? slots.get(one) : one)) };
  }

  return (db, rows) => {
    if (rows.length > KEPT_ROWS_MAX) return db.executeQuery(build(db, rows));
    const { adapter } = db.getExecutor();
    const bySize = kept.get(adapter) ?? new Map<number, Kept>();
    kept.set(adapter, bySize);
    const { compiled, slots } = bySize.get(rows.length) ?? compile(db, rows.length);
    bySize.set(rows.length, { compiled, slots });
    const parameters = slots.map((slot) => (isSlot(slot) ? rows[slot.row]?.[slot.column] : slot));
    return db.executeQuery({ ...compiled, parameters } as CompiledQuery<R>);
  };
}

/** Kysely takes a symbol for a plain value and passes it on untouched; it comes out among the parameters of the text. */
function slotsOf<V extends Values>(row: number, slots: Map<symbol, Slot>): V {
  const columns = new Map<string, symbol>();
  return new Proxy({} as V, {
    get: (_, column) => {
      const known = columns.get(String(column));
      if (known !== undefined) return known;
      const slot = Symbol(String(column));
      columns.set(String(column), slot);
      slots.set(slot, { row, column: String(column) });
      return slot;
    },
  });
}

function isSlot(value: unknown): value is Slot {
  return typeof value === 'object' && value !== null && 'column' in value;
}
