// Opens pages in Chromium and says what is wrong with them.
//
//   node pages.mjs TOOLS CHROMIUM < JOB
//
// TOOLS is where npm has installed playwright-core and axe-core. JOB is JSON: `pages`, absolute paths; `shots`, a directory
// for pictures and PDFs, or null; `words`, whether only the words are new, of pages that were looked at from all sides in another
// language: then they are looked at at 390 px in light, and not printed. The answer, on stdout, is JSON:
// `faults`, one text for each, `texts` by page, and `paths` by page: where each device's first path ends, 390 px wide, in px from the
// page's top, with that device unfolded and nothing else. Nothing is asked of any network: where a page tries, that is a fault.

import { createRequire } from 'node:module';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [tools, executablePath] = process.argv.slice(2);
const require = createRequire(join(tools, 'node_modules', 'x.js'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const job = JSON.parse(readFileSync(0, 'utf8'));

const WIDTHS = job.words ? [390] : [390, 768, 1280];
const SCHEMES = job.words ? ['light'] : ['light', 'dark'];

const place = mkdtempSync(join(tmpdir(), 'pages-'));
const netLog = join(place, 'net.json');
const faults = [];
const texts = {};
const paths = {};

const browser = await chromium.launchPersistentContext(join(place, 'profile'), {
    executablePath,
    headless: true,
    chromiumSandbox: false,
    args: ['--headless=new', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--disable-default-apps', '--disable-extensions',
        '--host-resolver-rules=MAP * ~NOTFOUND', `--log-net-log=${netLog}`],
});
try {
    for (const path of job.pages) {
        await look(path);
    }
} finally {
    await browser.close();
}
for (const url of asked()) {
    faults.push(`Chromium's network log has ${url}`);
}
rmSync(place, { recursive: true });
process.stdout.write(JSON.stringify({ faults, texts, paths }));

async function look(path) {
    const url = pathToFileURL(path).href;
    const name = `${basename(dirname(path))}-${basename(path, '.html')}`;
    const page = await browser.newPage();
    const fault = (what) => faults.push(`${path}: ${what}`);
    page.on('request', (request) => request.url() === url || fault(`asks for ${request.url()}`));
    page.on('console', (message) => fault(`the console says ${message.text()}`));
    page.on('pageerror', (error) => fault(`an error, ${error}`));
    page.on('dialog', (dialog) => { fault(`a dialog, ${dialog.message()}`); dialog.dismiss(); });
    for (const colorScheme of SCHEMES) {
        for (const width of WIDTHS) {
            const where = `${width} px, ${colorScheme}`;
            await page.emulateMedia({ colorScheme, media: 'screen' });
            await page.setViewportSize({ width, height: 800 });
            await page.goto(url);
            for (const found of await page.evaluate(measured)) {
                fault(`${where}: ${found}`);
            }
            if (job.shots) {
                await page.screenshot({ path: join(job.shots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
            }
            // What is folded is looked at unfolded, too.
            await page.evaluate(unfold);
            for (const found of await page.evaluate(measured)) {
                fault(`${where}, unfolded: ${found}`);
            }
            await page.evaluate(axe);
            const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
            for (const { id, help, nodes } of result.violations) {
                fault(`${where}: axe ${id}: ${help}: ${nodes.map((node) => node.html).slice(0, 3).join(' ')}`);
            }
        }
    }
    await page.setViewportSize({ width: 390, height: 800 });
    await page.goto(url);
    paths[path] = await page.evaluate(ends);
    await page.goto(url);
    await keyboard(page, fault);
    if (!job.words) {
        await print(page, name, fault);
    }
    await page.emulateMedia({ media: 'screen' });
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.evaluate(unfold);
    texts[path] = await page.evaluate(content);
    await page.close();
}

async function print(page, name, fault) {
    await page.emulateMedia({ colorScheme: 'dark', media: 'print' });
    await page.setViewportSize({ width: 718, height: 1000 });
    await page.goto(page.url());
    for (const found of await page.evaluate(measured)) {
        fault(`printed: ${found}`);
    }
    await page.evaluate(axe);
    const ink = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['color-contrast'] }));
    // Where ink and paper have one color, axe is not sure.
    const invisible = ink.incomplete.flatMap(({ nodes }) => nodes)
        .filter(({ any }) => any.some(({ data }) => data?.messageKey === 'equalRatio'));
    for (const { html } of [...ink.violations.flatMap(({ nodes }) => nodes), ...invisible].slice(0, 3)) {
        fault(`printed: axe color-contrast: ${html}`);
    }
    const pdf = await page.pdf({ format: 'A4', margin: { top: '1.5cm', bottom: '1.5cm', left: '1.5cm', right: '1.5cm' }, ...job.shots && { path: join(job.shots, `${name}.pdf`) } });
    if (pdf.length < 5000) {
        fault(`printed: only ${pdf.length} bytes`);
    }
}

// The first thing that the keyboard reaches skips to the contents.
async function keyboard(page, fault) {
    if (await page.evaluate(() => document.body.firstElementChild.matches('main'))) {
        return;
    }
    await page.keyboard.press('Tab');
    const skip = await page.evaluate(() => {
        const { left, right, top } = document.activeElement.getBoundingClientRect();
        return { goes: document.activeElement.getAttribute('href'), shows: left >= 0 && right <= innerWidth && top >= 0 };
    });
    if (!skip.goes?.startsWith('#') || !skip.shows) {
        fault(`the first Tab reaches ${JSON.stringify(skip)}`);
        return;
    }
    await page.keyboard.press('Enter');
    if (await page.evaluate(() => document.activeElement.tagName) !== 'MAIN') {
        fault('the link that should skip to the contents does not');
    }
}

// Runs in the page: unfolds all of it.
function unfold() {
    for (const details of document.querySelectorAll('details')) {
        details.removeAttribute('name');
        details.open = true;
    }
}

// Runs in the page: where the first path of each device ends.
function ends() {
    return [...document.querySelectorAll('.device')].map((device) => {
        const tab = device.closest('details');
        if (tab) {
            tab.open = true;
        }
        const others = [...document.querySelectorAll('details[open]')].filter((details) => details !== tab);
        return { device: device.id, ends: Math.round(device.querySelector('.path').getBoundingClientRect().bottom + scrollY),
            steps: device.querySelectorAll('.steps > li').length, drawings: device.querySelectorAll('.steps > li > svg').length, unfolded: others.length };
    });
}

// Runs in the page: what sticks out, what is cut off, and what should not be there.
function measured() {
    const found = [];
    const root = document.documentElement;
    if (document.scripts.length > 0) {
        found.push('has a script');
    }
    if (document.querySelector('[src], link:not([href^="data:"]), iframe, object, embed, form, [onload], [onerror], [onclick], [srcset]')) {
        found.push('has something that could load or run');
    }
    if (root.scrollWidth > root.clientWidth) {
        found.push(`is ${root.scrollWidth} px wide where there are ${root.clientWidth}`);
    }
    for (const element of document.body.querySelectorAll('*')) {
        const style = getComputedStyle(element);
        const box = element.getBoundingClientRect();
        if (element.closest('svg') || element.closest('.skip') || box.width === 0) {
            continue;
        }
        const scrolls = element.closest('.scroll');
        if (!scrolls && (box.right > root.clientWidth + 1 || box.left < -1)) {
            found.push(`<${element.localName} class="${element.className}"> reaches from ${box.left} to ${box.right}: ${element.textContent.slice(0, 80)}`);
        }
        if (style.overflowX !== 'visible' && style.overflowX !== 'auto' && element.scrollWidth > element.clientWidth + 1) {
            found.push(`<${element.localName}> is cut off`);
        }
    }
    // A drawing's words lie in the drawing, and in the box that they are in the middle of; and none lies on another.
    for (const svg of document.querySelectorAll('svg')) {
        const words = [...svg.querySelectorAll('text')].map((text) => ({ text: text.textContent, box: text.getBBox() }));
        const boxes = [...svg.querySelectorAll('rect')].map((rect) => rect.getBBox());
        for (const { text, box } of words) {
            const middle = box.x + box.width / 2;
            const over = (other) => other.x <= middle && middle <= other.x + other.width
                && other.y <= box.y + box.height / 2 && box.y + box.height / 2 <= other.y + other.height;
            const around = boxes.filter(over).sort((a, b) => a.width * a.height - b.width * b.height)[0];
            if (!around || box.x < around.x + 3 || box.x + box.width > around.x + around.width - 3) {
                found.push(`“${text}” sticks out of its box in a drawing`);
            }
        }
        words.forEach((one, i) => words.slice(i + 1).forEach((other) => {
            const apart = one.box.x + one.box.width <= other.box.x || other.box.x + other.box.width <= one.box.x
                || one.box.y + one.box.height <= other.box.y || other.box.y + other.box.height <= one.box.y;
            if (!apart) {
                found.push(`“${one.text}” lies on “${other.text}” in a drawing`);
            }
        }));
    }
    return found;
}

// Runs in the page: its texts as the parser understood them.
function content() {
    return {
        title: document.title,
        language: document.documentElement.lang,
        direction: document.documentElement.dir,
        text: document.body.innerText,
        isolated: [...document.querySelectorAll('bdi')].map((element) => element.textContent),
        isolates: [...document.querySelectorAll('bdi')].every((element) => element.children.length === 0),
        links: [...document.links].map((link) => link.getAttribute('href')),
        elements: [...new Set([...document.querySelectorAll('*')].map((element) => element.localName))].sort(),
        alphabet: [...new Set([...document.querySelectorAll('*')].flatMap((element) => element.getAttributeNames()))].sort(),
    };
}

// The addresses on the network that Chromium's own log tells of, but for those that it asks for by itself, page or no page, and
// that it does not reach here.
function asked() {
    const log = readFileSync(netLog, 'utf8');
    const urls = log.match(/"url":"(https?|wss?|ftp):[^"]*"/g) ?? [];
    const own = /^"url":"https?:\/\/((accounts|clients\d)\.google\.com|(?!fonts|ajax)[a-z-]+\.googleapis\.com)\//;
    return [...new Set(urls.filter((url) => !own.test(url)))];
}
