// The extension in JupyterLab in a real browser, with `privet scan --serve` behind Jupyter's server: finds what was planted, goes to
// its cell, takes it out of outputs, and says what to do where nothing answers. Without one finding of axe-core, light and dark.
//
// PRIVET_BIN           the program
// PRIVET_JUPYTER       a Python environment with JupyterLab and privet-jupyterlab
// PRIVET_CHROMIUM      the browser (default /usr/bin/chromium)
// PRIVET_SCREENSHOTS   a folder that gets pictures of the panel; none if it is not set

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const { PRIVET_BIN, PRIVET_JUPYTER, PRIVET_CHROMIUM, PRIVET_SCREENSHOTS } = process.env;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PYTHON = join(PRIVET_JUPYTER, "bin/python");

const MAIL = "maria.lopez@brightwater-harbour.org";
/** A made-up key of a made-up person, put together here so that nothing takes it for a live one. */
const secret = (number) => {
  const letters = "Qz7Xk2Vb9Lm4Tr8Wd3Hf6Yc1Np5Js0GgAeUuRrOo";
  const body = Array.from({ length: 36 }, (_, at) => letters[(at * 7 + number * 11 + at * at) % letters.length]);
  return ["ghp", body.join("")].join("_");
};

const code = (id, source, outputs) => ({ cell_type: "code", execution_count: 1, id, metadata: {}, outputs, source });
const stream = (text) => ({ name: "stdout", output_type: "stream", text });
const shown = (text) => ({ data: { "text/plain": text }, metadata: {}, output_type: "display_data" });
const METADATA = {
  kernelspec: { display_name: "Python 3 (ipykernel)", language: "python", name: "python3" },
  language_info: { name: "python" },
};
const notebook = (cells) => ({ cells, metadata: METADATA, nbformat: 4, nbformat_minor: 5 });

/** Two outputs with secrets far down, and a mail address in a source at the top. */
const REPORT = notebook([
  { cell_type: "markdown", id: "top", metadata: {}, source: [`Ask ${MAIL} about it.`] },
  ...Array.from({ length: 40 }, (_, at) => code(`filler-${at}`, [`x${at} = ${at}\n`, `x${at}`], [])),
  code("planted", ["show()"], [shown(["ready"]), stream([`token ${secret(1)}\n`, "done\n"])]),
  code("other", ["again()"], [stream([`token ${secret(2)}\n`]), stream(["bye\n"])]),
]);
const CLEAN = notebook([code("only", ["1 + 1"], [])]);

const folder = mkdtempSync(join(tmpdir(), "privet-jupyterlab-"));
const work = join(folder, "work");
const tokenFile = join(folder, "token");
const jupyterToken = randomBytes(16).toString("hex");
const asked = [];
const faults = [];
let scanned, jupyter, browser, origin, page, privetPort, privetToken;

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const until = async (what, holds, seconds = 30) => {
  const end = Date.now() + seconds * 1000;
  while (!(await Promise.resolve().then(holds).catch(() => false))) {
    assert.ok(Date.now() < end, `${what} did not come in time`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};

const environment = (more = {}) => ({
  PATH: `${join(PRIVET_JUPYTER, "bin")}:${process.env.PATH}`,
  LANG: "C.UTF-8",
  HOME: join(folder, "home"),
  ...more,
});

/** Starts `privet scan --serve` with the token file of Privet's own, at `port`. */
const serve = async (port) => {
  const options = ["scan", "--serve", "--port", String(port)];
  scanned = spawn(PRIVET_BIN, options, { cwd: work, env: environment(), stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  scanned.stdout.on("data", (text) => (said += text));
  await until("the scan", () => said.includes("\n"));
  return said;
};

const stop = (child) =>
  new Promise((resolve) => {
    if (!child || child.exitCode !== null) return resolve();
    child.once("exit", resolve);
    child.kill("SIGTERM");
  });

const read = (name) => JSON.parse(readFileSync(join(work, name), "utf8"));
const write = (name, value) => writeFileSync(join(work, name), `${JSON.stringify(value, null, 1)}\n`);
const validate = (name) =>
  execFileSync(PYTHON, ["-c", "import nbformat, sys; nbformat.validate(nbformat.read(sys.argv[1], nbformat.NO_CONVERT))", join(work, name)]);

const panel = () => page.locator("#privet-findings");
const state = (wanted) => page.locator(`#privet-findings[data-state=${wanted}]`).waitFor({ timeout: 30_000 });
const status = (text) => panel().getByRole("status").filter({ hasText: text }).waitFor({ timeout: 30_000 });
const command = (id, args = {}) => page.evaluate(([id, args]) => window.jupyterapp.commands.execute(id, args), [id, args]);
const current = (what) =>
  page.evaluate((what) => {
    const { content, context } = window.jupyterapp.shell.currentWidget;
    return what === "active" ? content.activeCell.model.id : context.model[what];
  }, what);

/** What axe-core has against the panel. */
const check = async (where) => {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run("#privet-findings", { resultTypes: ["violations"] }));
  const told = violations.map((v) => `${v.id} (${v.impact}): ${v.help}: ${v.nodes.map((n) => n.target.join(" ")).join("; ")}`);
  assert.deepEqual(told, [], where);
};

const picture = async (name) => {
  if (!PRIVET_SCREENSHOTS) return;
  mkdirSync(PRIVET_SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(PRIVET_SCREENSHOTS, `jupyterlab-${name}.png`), animations: "disabled" });
};

before(async () => {
  for (const name of ["home", "work", "config/labconfig", "config/lab"]) mkdirSync(join(folder, name), { recursive: true });
  write("report.ipynb", REPORT);
  write("clean.ipynb", CLEAN);
  // Asks the net for news and newer versions.
  const disabled = { disabledExtensions: { "@jupyterlab/apputils-extension:announcements": true } };
  writeFileSync(join(folder, "config/labconfig/page_config.json"), JSON.stringify(disabled));

  const said = await serve(0);
  privetPort = Number(/127\.0\.0\.1:(\d+)/.exec(said)[1]);
  const ownFile = /`(.*)`/.exec(said)[1];
  assert.equal(statSync(ownFile).mode & 0o777, 0o600);
  privetToken = readFileSync(ownFile, "utf8").trim();
  writeFileSync(tokenFile, privetToken);
  chmodSync(tokenFile, 0o600);

  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  const options = [
    "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser", "--ServerApp.ip=127.0.0.1",
    `--ServerApp.port=${port}`, "--ServerApp.port_retries=0", `--IdentityProvider.token=${jupyterToken}`, `--ServerApp.root_dir=${work}`,
    "--LabApp.extension_manager=readonly",
  ];
  const env = environment({
    PRIVET_SCAN_URL: `http://127.0.0.1:${privetPort}`,
    PRIVET_SCAN_TOKEN_FILE: tokenFile,
    JUPYTER_CONFIG_DIR: join(folder, "config"),
    JUPYTER_DATA_DIR: join(folder, "data"),
    JUPYTER_RUNTIME_DIR: join(folder, "runtime"),
    IPYTHONDIR: join(folder, "ipython"),
    PYTHONDONTWRITEBYTECODE: "1",
  });
  jupyter = spawn(PYTHON, options, { cwd: work, env, stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  jupyter.stderr.on("data", (text) => (log += text));
  await until("Jupyter", async () => {
    assert.equal(jupyter.exitCode, null, log);
    return (await fetch(`${origin}/api/status?token=${jupyterToken}`)).ok;
  }, 90);

  browser = await chromium.launch({ executablePath: PRIVET_CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", viewport: { width: 1400, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => asked.push(request));
  await page.goto(`${origin}/lab/tree/report.ipynb?token=${jupyterToken}`);
  await page.locator(".jp-Notebook").waitFor({ timeout: 90_000 });
  await page.locator('.jp-SideBar li[data-id="privet-findings"]').click();
});

after(async () => {
  await browser?.close();
  await stop(jupyter);
  await stop(scanned);
  rmSync(folder, { recursive: true, force: true });
});

test("what was planted is shown by cell as soon as the notebook is open, and masked", async () => {
  await status("3 findings.");
  const cell = (number) => panel().getByRole("region", { name: `Cell ${number}`, exact: true });
  await cell(1).getByText("personal data, Markdown").waitFor();
  await cell(42).getByText("secret, output 2, stdout").waitFor();
  await cell(43).getByText("secret, output 1, stdout").waitFor();
  assert.equal(await panel().locator(".privet-snippet").count(), 3);
  const text = await panel().textContent();
  for (const value of [MAIL, secret(1), secret(2)]) assert.ok(!text.includes(value), text);
  assert.equal((await page.locator('.jp-SideBar li[data-id="privet-findings"]').textContent()).trim(), "3");
  // In the source nothing is taken out from here.
  assert.equal(await cell(1).getByRole("button").count(), 1);
  assert.equal(await cell(42).getByRole("button").count(), 3);
});

test("the panel has nothing that axe-core finds, light and dark, and every key reaches it", async () => {
  for (const theme of ["JupyterLab Light", "JupyterLab Dark"]) {
    await command("apputils:change-theme", { theme });
    await page.locator(`body[data-jp-theme-name="${theme}"]`).waitFor({ state: "attached" });
    await check(theme);
    await picture(theme.endsWith("Dark") ? "dark" : "light");
  }
  await panel().getByRole("button", { name: "Scan now" }).focus();
  const reached = [];
  for (let press = 0; press < 9; press++) {
    const [name, outline] = await page.evaluate(() => {
      const focused = document.activeElement;
      return [focused.getAttribute("aria-label") ?? focused.textContent, getComputedStyle(focused).outlineStyle];
    });
    assert.equal(outline, "solid", name);
    reached.push(name.split(":")[0]);
    await page.keyboard.press("Tab");
  }
  const output = ["Redact", "Clear output"];
  const jump = (severity) => `Go to ${severity}`;
  const severities = await panel().locator(".privet-severity").allTextContents();
  const [first, second, third] = severities.map(jump);
  assert.deepEqual(reached, ["Scan now", "Findings by cell", first, second, ...output, third, ...output]);
});

test("a click goes to the cell, and so does a key", async () => {
  const inView = async (id) => {
    await until(`cell ${id}`, async () => (await current("active")) === id);
    await until(`cell ${id} in view`, () =>
      page.evaluate(() => {
        const { node } = window.jupyterapp.shell.currentWidget.content.activeCell;
        const { top, bottom } = node.getBoundingClientRect();
        const frame = window.jupyterapp.shell.currentWidget.content.node.getBoundingClientRect();
        return bottom > frame.top && top < frame.bottom;
      }),
    );
  };
  assert.equal(await current("active"), "top");
  const go = (number) =>
    panel().getByRole("region", { name: `Cell ${number}`, exact: true }).getByRole("button", { name: /^Go to/ });
  await go(43).click();
  await inView("other");
  await go(1).focus();
  await page.keyboard.press("Enter");
  await inView("top");
  assert.ok(await page.evaluate(() => window.jupyterapp.shell.currentWidget.node.contains(document.activeElement)));
});

test("a secret is redacted in its output, and nowhere else, and the file is whole once it is saved", async () => {
  await panel().getByRole("button", { name: /^Redact: .*Cell 42/ }).click();
  await status("2 findings. Save the notebook to keep it so.");
  assert.ok(await current("dirty"));
  await panel().getByRole("region", { name: "Cell 42", exact: true }).waitFor({ state: "detached" });
  assert.ok(readFileSync(join(work, "report.ipynb"), "utf8").includes(secret(1)));
  await command("docmanager:save");
  await until("the file", () => !readFileSync(join(work, "report.ipynb"), "utf8").includes(secret(1)));
  validate("report.ipynb");
  const wanted = structuredClone(REPORT.cells);
  wanted[41].outputs[1].text[0] = "token [redacted]\n";
  assert.deepEqual(read("report.ipynb").cells, wanted);
  const { kernelspec, ...rest } = read("report.ipynb").metadata;
  assert.deepEqual([kernelspec, Object.keys(rest)], [METADATA.kernelspec, ["language_info"]]);
  // What the page shows is what the file holds.
  await command("notebook:go-to-next-markdown-heading").catch(() => {});
  await panel().getByRole("button", { name: /^Go to .*Cell 43/ }).click();
  await page.locator(".jp-OutputArea").getByText("token [redacted]").waitFor();
});

test("an output is cleared, and its neighbours stay", async () => {
  await panel().getByRole("button", { name: /^Clear output: .*Cell 43/ }).click();
  await status("1 finding. Save the notebook to keep it so.");
  await command("docmanager:save");
  await until("the file", () => !readFileSync(join(work, "report.ipynb"), "utf8").includes(secret(2)));
  validate("report.ipynb");
  const wanted = structuredClone(REPORT.cells);
  wanted[41].outputs[1].text[0] = "token [redacted]\n";
  wanted[42].outputs.shift();
  assert.deepEqual(read("report.ipynb").cells, wanted);
});

test("what is new in a notebook is found when it is saved", async () => {
  await page.evaluate((source) => {
    window.jupyterapp.shell.currentWidget.context.model.cells.get(1).sharedModel.setSource(source);
  }, `key = "${secret(3)}"`);
  await status("1 finding.");
  await command("docmanager:save");
  await status("2 findings.");
  await panel().getByRole("region", { name: "Cell 2", exact: true }).waitFor();
});

test("where nothing is found that is said, and a command scans", async () => {
  await command("docmanager:open", { path: "clean.ipynb" });
  await status("Nothing was found.");
  assert.equal((await page.locator('.jp-SideBar li[data-id="privet-findings"]').textContent()).trim(), "");
  await check("nothing found");
  const before = asked.filter((request) => new URL(request.url()).pathname === "/privet/scan").length;
  await command("privet:scan");
  await until("a scan", () => asked.filter((request) => new URL(request.url()).pathname === "/privet/scan").length === before + 1);
  await state("done");
});

test("where nothing answers the panel says what to do", async () => {
  const again = () => panel().getByRole("button", { name: "Scan now" }).click();
  writeFileSync(tokenFile, "another-token-that-is-long-enough-but-wrong");
  await again();
  await status("does not take the token");
  await status("PRIVET_SCAN_TOKEN_FILE");
  await check("a wrong token");
  await picture("wrong-token");
  rmSync(tokenFile);
  await again();
  await status("The token cannot be read");
  writeFileSync(tokenFile, privetToken);
  await again();
  await status("Nothing was found.");
  await stop(scanned);
  await again();
  await status("Start `privet scan --serve`");
  await serve(privetPort);
  await again();
  await status("Nothing was found.");
});

test("nobody asks through Jupyter's server who is not signed in there", async () => {
  for (const [path, method] of [["status", "GET"], ["scan", "POST"], ["redact", "POST"]]) {
    const response = await fetch(`${origin}/privet/${path}`, { method, body: method === "POST" ? "{}" : undefined });
    assert.equal(response.status, 403, path);
  }
  const response = await fetch(`${origin}/privet/status?token=${jupyterToken}`);
  assert.deepEqual([response.status, (await response.json()).status], [200, "ok"]);
});

test("the browser asked Jupyter's server alone, and got no token", async () => {
  const others = asked.map((request) => new URL(request.url())).filter((url) => !["data:", "blob:"].includes(url.protocol) && url.origin !== origin);
  assert.deepEqual(others.map(String), []);
  assert.ok(asked.every((request) => !JSON.stringify([request.url(), request.headers(), request.postData()]).includes(privetToken)));
  assert.ok(!(await page.content()).includes(privetToken));
  const config = await page.evaluate(() => document.getElementById("jupyter-config-data").textContent);
  assert.ok(!config.includes(privetToken) && !config.includes(String(privetPort)));
});

test("no script failed, and nothing lies beside the notebooks", () => {
  assert.deepEqual(faults, []);
  assert.deepEqual(readdirSync(work).filter((name) => name !== ".ipynb_checkpoints").sort(), ["clean.ipynb", "report.ipynb"]);
  assert.ok(existsSync(join(folder, "home/.local/share/privet/scan.key")));
});
