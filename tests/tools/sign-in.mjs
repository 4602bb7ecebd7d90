// Signs in at a form in Chromium, uses what it gets, and signs out.
//
//   node sign-in.mjs TOOLS CHROMIUM < JOB
//
// TOOLS is where npm has installed playwright-core. JOB is JSON: `url`, where somebody wants to go; `user` and `password`; `out`, where they sign
// out. The answer, on stdout, is JSON: what stood in each page, by its name, and `landed`, the address after signing in. Every host is on this machine.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [tools, executablePath] = process.argv.slice(2);
const require = createRequire(join(tools, 'node_modules', 'x.js'));
const { chromium } = require('playwright-core');
const job = JSON.parse(readFileSync(0, 'utf8'));

const place = mkdtempSync(join(tmpdir(), 'sign-in-'));
const browser = await chromium.launchPersistentContext(join(place, 'profile'), {
    executablePath,
    headless: true,
    chromiumSandbox: false,
    // Of the test's own Caddy it is known otherwise.
    ignoreHTTPSErrors: true,
    args: ['--headless=new', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--disable-default-apps', '--disable-extensions',
        '--host-resolver-rules=MAP * 127.0.0.1'],
});
const said = {};
try {
    const page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    const text = () => page.evaluate(() => document.body.innerText);
    await page.goto(job.url);
    said.form = await page.title();
    await page.fill('input[name=user]', job.user);
    await page.fill('input[name=password]', job.password);
    await page.click('button[type=submit]');
    await page.waitForURL(job.url);
    said.landed = page.url();
    said.page = await text();
    // What a page's own scripts send goes through as well.
    said.script = await page.evaluate(async () => {
        const answer = await fetch('/api', { method: 'POST', body: 'a body of a script' });
        return `${answer.status} ${await answer.text()}`;
    });
    await page.goto(job.out);
    await page.goto(job.url);
    said.after = await page.title();
} finally {
    await browser.close();
    rmSync(place, { recursive: true, force: true });
}
process.stdout.write(JSON.stringify(said));
