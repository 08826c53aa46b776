// What is known of each open notebook, and when it is scanned anew.

import { Signal } from '@lumino/signaling';

import { Trouble, redact, scan } from './client';

/** Milliseconds without another save after which a notebook is scanned. */
const CALM = 300;

/** States of a notebook. */
export const IDLE = 'idle';
export const SCANNING = 'scanning';
export const DONE = 'done';
export const TROUBLE = 'trouble';

/** Scans notebooks, and keeps what came of it as long as they are open. */
export class Watch {
  constructor(tracker, serverSettings) {
    this.tracker = tracker;
    this.scanOnOpen = true;
    this.scanOnSave = true;
    this.changed = new Signal(this);
    this._settings = serverSettings;
    this._known = new WeakMap();
  }

  start() {
    this.tracker.forEach(notebook => this._follow(notebook));
    this.tracker.widgetAdded.connect((_, notebook) => this._follow(notebook));
    this.tracker.currentChanged.connect(() => this.changed.emit());
    this.changed.emit();
  }

  /** The notebook that is looked at, or null. */
  get notebook() {
    return this.tracker.currentWidget;
  }

  /** What is known of `notebook`: `state`, and `findings`, `gaps` or `trouble`. */
  of(notebook) {
    return this._known.get(notebook) ?? { state: IDLE, findings: [], gaps: [] };
  }

  /** Scans `notebook` now. A scan that another overtakes is forgotten. */
  async scan(notebook) {
    if (!notebook || notebook.isDisposed) return;
    await notebook.context.ready;
    const run = {};
    const set = known => {
      if (notebook.isDisposed || (known.state !== SCANNING && this.of(notebook).run !== run)) return;
      this._known.set(notebook, { ...known, run });
      this.changed.emit();
    };
    set({ ...this.of(notebook), state: SCANNING });
    try {
      const sent = snapshot(notebook);
      const report = await scan(this._settings, notebook.context.path, sent.content);
      set({
        state: DONE,
        findings: report.findings.map(finding => ({ ...finding, cellId: sent.ids[finding.cell_index] })),
        gaps: report.errors
      });
    } catch (error) {
      set({ state: TROUBLE, findings: [], gaps: [], trouble: asTrouble(error) });
    }
  }

  /**
   * Takes findings out of the outputs of `notebook`. `wish`: `mode`, and `fingerprints` and `cellId` with `outputIndex` if not all.
   * Only outputs change; they do only if they are still those that were looked at. Returns how many cells changed.
   */
  async mend(notebook, wish) {
    const sent = snapshot(notebook);
    const { mode, fingerprints, cellId, outputIndex } = wish;
    const asked = { mode };
    if (fingerprints) asked.fingerprints = fingerprints;
    if (cellId !== undefined) {
      const cellIndex = sent.ids.indexOf(cellId);
      if (cellIndex < 0) throw new Trouble('gone', 'The cell is gone. Scan again.');
      asked.places = [{ cell_index: cellIndex }];
      if (outputIndex !== undefined) asked.places[0].output_index = outputIndex;
    }
    const answer = await redact(this._settings, notebook.context.path, sent.content, asked);
    const before = JSON.parse(sent.content).cells;
    const after = JSON.parse(answer.content).cells;
    const mended = after.flatMap((cell, index) =>
      isSame(cell.outputs, before[index].outputs) ? [] : [{ id: sent.ids[index], was: before[index].outputs, outputs: cell.outputs }]
    );
    const cells = new Map(Array.from(notebook.context.model.cells, cell => [cell.id, cell]));
    if (mended.some(({ id, was }) => !isSame(cells.get(id)?.sharedModel.toJSON().outputs, was))) {
      throw new Trouble('changed', 'The notebook has changed meanwhile. Scan again.');
    }
    // Through what is shown, which the document follows: neighbours of one stream are one output there, and `setOutputs` of the
    // document would take the one for the other.
    for (const { id, outputs } of mended) cells.get(id).outputs.fromJSON(outputs);
    await this.scan(notebook);
    return mended.length;
  }

  _follow(notebook) {
    let timer;
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(() => void this.scan(notebook), CALM);
    };
    notebook.context.saveState.connect((_, state) => {
      if (state === 'completed' && this.scanOnSave) soon();
    });
    notebook.disposed.connect(() => clearTimeout(timer));
    if (this.scanOnOpen) void notebook.context.ready.then(() => notebook.isDisposed || soon());
  }
}

/** A notebook's text as it stands in the browser, and the ids of its cells in their order. */
function snapshot(notebook) {
  const { model } = notebook.context;
  return { content: JSON.stringify(model.toJSON()), ids: Array.from(model.cells, cell => cell.id) };
}

const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);

const asTrouble = error =>
  error instanceof Trouble ? error : new Trouble('failed', 'The notebook could not be scanned.');
