// Asks Jupyter's server, which asks `privet scan --serve`: the token stays there.

import { ServerConnection } from '@jupyterlab/services';

/** Why there is no answer: `code` for programs, `message` for people. */
export class Trouble extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** The report on a notebook of that name. */
export const scan = (settings, name, content) => ask(settings, 'scan', { name, content });

/** The notebook without what `wish` names: `mode`, and `fingerprints` and `places` if not all of it. */
export const redact = (settings, name, content, wish) => ask(settings, 'redact', { name, content, ...wish });

async function ask(settings, what, body) {
  let response;
  try {
    const init = { method: 'POST', body: JSON.stringify(body) };
    const base = settings.baseUrl.endsWith('/') ? settings.baseUrl : `${settings.baseUrl}/`;
    response = await ServerConnection.makeRequest(`${base}privet/${what}`, init, settings);
  } catch {
    throw new Trouble('no_jupyter', 'Jupyter’s server does not answer.');
  }
  if (response.status === 404) {
    throw new Trouble(
      'no_extension',
      'Jupyter’s server does not know Privet. Install privet-jupyterlab where the server runs, and restart it.'
    );
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Trouble(answer.code ?? 'failed', answer.message ?? `Jupyter’s server refused (${response.status}).`);
  }
  return answer;
}
