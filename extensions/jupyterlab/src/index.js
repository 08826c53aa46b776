// The plugin: a panel at the right with what Privet finds in the open notebook, and commands.

import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { Watch } from './watch';
import { FindingsPanel } from './panel';

const ID = 'privet-jupyterlab:plugin';
const SCAN = 'privet:scan';
const SHOW = 'privet:show';

const plugin = {
  id: ID,
  description: 'Shows what Privet finds in the open notebook.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette, ISettingRegistry, ILayoutRestorer],
  activate: (app, tracker, palette, registry, restorer) => {
    const watch = new Watch(tracker, app.serviceManager.serverSettings);
    const panel = new FindingsPanel(app.shell, watch);
    app.shell.add(panel, 'right', { rank: 900 });
    restorer?.add(panel, panel.id);

    app.commands.addCommand(SCAN, {
      label: 'Scan notebook with Privet',
      caption: 'Look for secrets, personal data and attacks in the open notebook',
      isEnabled: () => tracker.currentWidget !== null,
      execute: async () => {
        app.shell.activateById(panel.id);
        await watch.scan(tracker.currentWidget);
      }
    });
    app.commands.addCommand(SHOW, {
      label: 'Show findings of Privet',
      execute: () => app.shell.activateById(panel.id)
    });
    for (const command of [SCAN, SHOW]) palette?.addItem({ command, category: 'Notebook Operations' });
    tracker.currentChanged.connect(() => app.commands.notifyCommandChanged(SCAN));

    const start = () => watch.start();
    if (!registry) return start();
    registry
      .load(ID)
      .then(settings => {
        const read = () => {
          watch.scanOnOpen = settings.get('scanOnOpen').composite !== false;
          watch.scanOnSave = settings.get('scanOnSave').composite !== false;
        };
        read();
        settings.changed.connect(read);
      })
      .catch(error => console.warn('privet: the settings cannot be read', error))
      .finally(start);
  }
};

export default plugin;
