// Does in Chromium what somebody does whose certificate is being renewed, for each request that it is given.
//
//   node renew.mjs TOOLS CHROMIUM PORT
//
// TOOLS is where npm has installed playwright-core; whatever is asked for is at PORT of this machine, as if that were 443. A request is a line
// of JSON: `cert` and `key`, PEM files of what is shown, `domain`, `service`, `downloads`, a directory, and `language`. It opens the domain's own site,
// follows the notice where there is one, and downloads what the page has; then it opens /renew and the service. The answer is a line of JSON: `notice`, whether there was
// one; `file`, what was downloaded; `password` and `steps`, what the page says to it; `renew`, the text of /renew; `service`, the status and text of that.

import dns from 'node:dns';
import { createRequire } from 'node:module';
import net from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [tools, executablePath, port] = process.argv.slice(2);
// Chromium shows certificates by way of playwright, which looks hosts up and connects itself.
dns.promises.lookup = async () => [{ address: '127.0.0.1', family: 4 }];
const { createConnection } = net;
net.createConnection = (options, ...rest) =>
    createConnection(options.port === 443 ? { ...options, port: Number(port) } : options, ...rest);

const require = createRequire(join(tools, 'node_modules', 'x.js'));
const { chromium } = require('playwright-core');
const browser = await chromium.launch({
    executablePath,
    headless: true,
    chromiumSandbox: false,
    args: ['--headless=new', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--disable-default-apps', '--disable-extensions'],
});
try {
    for await (const line of createInterface({ input: process.stdin })) {
        const job = JSON.parse(line);
        let said;
        try {
            said = await visit(job);
        } catch (error) {
            said = { failed: String(error) };
        }
        process.stdout.write(`${JSON.stringify(said)}\n`);
    }
} finally {
    await browser.close();
}

async function visit({ cert, key, domain, service, downloads, language }) {
    const [home, at] = [`https://${domain}`, `https://${service}`];
    const shown = { certPath: cert, keyPath: key };
    const context = await browser.newContext({
        clientCertificates: [{ origin: home, ...shown }, { origin: at, ...shown }],
        // Of the test's own site it is known otherwise.
        ignoreHTTPSErrors: true,
        acceptDownloads: true,
        locale: language,
    });
    try {
        const page = await context.newPage();
        page.setDefaultTimeout(20_000);
        const text = () => page.evaluate(() => document.body.innerText);
        const said = { notice: false };
        await page.goto(`${home}/`);
        const notice = page.locator('a[href$="/renew"]');
        if (await notice.count()) {
            said.notice = true;
            await notice.first().click();
            await page.waitForURL(`${home}/renew`);
            const [download] = await Promise.all([page.waitForEvent('download'), page.click('a.get')]);
            said.file = join(downloads, download.suggestedFilename());
            await download.saveAs(said.file);
            const password = page.locator('.password code');
            said.password = await password.count() ? await password.innerText() : null;
            said.steps = await page.locator('ol.steps').innerText();
        }
        await page.goto(`${home}/renew`);
        said.renew = await text();
        const answer = await page.goto(`${at}/`);
        said.service = `${answer.status()} ${await text()}`;
        return said;
    } finally {
        await context.close();
    }
}
