// The panel: findings by cell, each with a way to it and, in outputs, out of it.

import { LabIcon } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';

import { DONE, IDLE, SCANNING, TROUBLE } from './watch';

const icon = new LabIcon({
  name: 'privet:shield',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" ' +
    'd="M12 2 4 5v6c0 5 3.4 9.7 8 11 4.6-1.3 8-6 8-11V5l-8-3Zm0 2.1 6 2.3V11c0 4-2.5 7.7-6 8.9-3.5-1.2-6-4.9-6-8.9V6.4l6-2.3Z"/></svg>'
});

/** What findings are of, for people. */
const CATEGORIES = {
  secret: 'secret',
  pii: 'personal data',
  injection: 'attack on models',
  model: 'model file',
  dependency: 'dependency',
  licence: 'licence'
};

/** Findings of these kinds stand in texts and can be taken out. */
const MENDED = new Set(['secret', 'pii', 'injection']);

/** An element. Texts go in as texts: nothing of a notebook is read as HTML. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'onclick') made.addEventListener('click', value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export class FindingsPanel extends Widget {
  constructor(shell, watch) {
    super();
    this._shell = shell;
    this._watch = watch;
    this._note = '';
    this.id = 'privet-findings';
    this.title.icon = icon;
    this.addClass('privet-panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Findings of Privet');

    this._scan = element('button', { type: 'button', class: 'privet-button', onclick: () => this._scanNow() }, 'Scan now');
    this._status = element('p', { class: 'privet-status', role: 'status' });
    this._list = element('div', { class: 'privet-list', tabindex: '0', role: 'group', 'aria-label': 'Findings by cell' });
    const head = element('div', { class: 'privet-head' }, element('h2', {}, 'Privet'), this._scan);
    this.node.append(head, this._status, this._list);
    watch.changed.connect(() => this._show());
    this._show();
  }

  _scanNow() {
    this._note = '';
    void this._watch.scan(this._watch.notebook);
  }

  _show() {
    const notebook = this._watch.notebook;
    const known = notebook ? this._watch.of(notebook) : { state: IDLE, findings: [], gaps: [] };
    const count = known.findings.length;
    this.title.label = count > 0 ? String(count) : '';
    this.title.caption = count > 0 ? `Privet: ${findings(count)}` : 'Privet';
    this.node.dataset.state = notebook ? known.state : 'none';
    this._scan.disabled = !notebook || known.state === SCANNING;
    this._status.textContent = [status(notebook, known), this._note].filter(Boolean).join(' ');
    // While a scan runs, what was found before stays, and so does the focus in it.
    if (known.state !== SCANNING) this._list.replaceChildren(...(notebook ? this._cells(notebook, known) : []));
    this._list.hidden = this._list.childElementCount === 0;
  }

  _cells(notebook, known) {
    const byCell = new Map();
    for (const finding of known.findings) {
      const key = finding.cell_index ?? -1;
      byCell.set(key, [...(byCell.get(key) ?? []), finding]);
    }
    const cells = [...byCell].sort(([a], [b]) => a - b);
    const made = cells.map(([index, group]) => {
      const title = index < 0 ? 'Notebook' : `Cell ${index + 1}`;
      const list = element('ul', {}, ...group.map(finding => this._finding(notebook, finding, title)));
      return element('section', { 'aria-label': title }, element('h3', {}, title), list);
    });
    const gaps = known.gaps.map(gap => element('li', {}, gap.message));
    if (gaps.length > 0) {
      made.push(element('section', { 'aria-label': 'Not looked at' }, element('h3', {}, 'Not looked at'), element('ul', {}, ...gaps)));
    }
    return made;
  }

  _finding(notebook, finding, title) {
    const { category, cellId, fingerprint, message, output_index: outputIndex, place, rule, severity, snippet } = finding;
    const kind = CATEGORIES[category] ?? category;
    const where = (place ?? '').replace(/^cell \d+(, )?/, '');
    const label = `${severity}: ${kind}, ${rule}, ${title}${where ? `, ${where}` : ''}`;
    const parts = [
      element('span', { class: 'privet-severity', 'data-severity': severity }, severity),
      element('span', { class: 'privet-rule' }, rule),
      element('span', { class: 'privet-kind' }, where ? `${kind}, ${where}` : kind)
    ];
    if (snippet) parts.push(element('code', { class: 'privet-snippet' }, snippet));
    const row = element('li', { class: 'privet-finding' });
    if (cellId) {
      const jump = () => void this._jump(notebook, cellId);
      const attributes = { type: 'button', class: 'privet-jump', title: message, 'aria-label': `Go to ${label}`, onclick: jump };
      row.append(element('button', attributes, ...parts));
    } else {
      row.append(element('div', { class: 'privet-jump', title: message }, ...parts));
    }
    if (cellId && outputIndex !== undefined && MENDED.has(category)) {
      const at = { cellId, outputIndex };
      const button = (text, wish) =>
        element(
          'button',
          { type: 'button', class: 'privet-button', 'aria-label': `${text}: ${label}`, onclick: () => void this._mend(notebook, wish) },
          text
        );
      row.append(
        element(
          'div',
          { class: 'privet-actions' },
          button('Redact', { mode: 'redact', fingerprints: [fingerprint], ...at }),
          button('Clear output', { mode: 'clear', ...at })
        )
      );
    }
    return row;
  }

  /** Shows the cell in the middle, and makes it the active one. */
  async _jump(notebook, cellId) {
    const { content } = notebook;
    const index = content.widgets.findIndex(cell => cell.model.id === cellId);
    if (index < 0) {
      this._say('The cell is gone. Scan again.');
      return;
    }
    this._shell.activateById(notebook.id);
    content.deselectAll();
    content.activeCellIndex = index;
    await content.scrollToItem(index, 'center');
    content.mode = 'command';
    content.activate();
  }

  async _mend(notebook, wish) {
    try {
      const cells = await this._watch.mend(notebook, wish);
      this._say(cells > 0 ? 'Save the notebook to keep it so.' : 'Nothing was to be changed in outputs. Scan again.');
    } catch (error) {
      this._say(error.code ? error.message : 'The output could not be changed.');
    }
    // What had the focus is gone.
    if (!this.node.contains(document.activeElement)) this._scan.focus();
  }

  _say(note) {
    this._note = note;
    this._show();
    this._note = '';
  }
}

const findings = count => `${count} ${count === 1 ? 'finding' : 'findings'}`;

function status(notebook, known) {
  if (!notebook) return 'No notebook is open.';
  switch (known.state) {
    case SCANNING:
      return 'Scanning …';
    case TROUBLE:
      return known.trouble.message;
    case DONE:
      return known.findings.length > 0 ? `${findings(known.findings.length)}.` : 'Nothing was found.';
    default:
      return 'Not scanned yet.';
  }
}
