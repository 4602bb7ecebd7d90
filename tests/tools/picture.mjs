// Takes two pictures of a page as a phone shows it: of its beginning, and of what comes behind that.
//
//   node picture.mjs TOOLS CHROMIUM PAGE PICTURE PICTURE
//
// TOOLS is where npm has installed playwright-core.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [tools, executablePath, path, beginning, further] = process.argv.slice(2);
const require = createRequire(join(tools, 'node_modules', 'x.js'));
const { chromium } = require('playwright-core');

const browser = await chromium.launch({ executablePath, headless: true, chromiumSandbox: false, args: ['--headless=new', '--disable-gpu'] });
try {
    const page = await browser.newPage({ viewport: { width: 420, height: 840 }, deviceScaleFactor: 1.5, colorScheme: 'light' });
    await page.goto(pathToFileURL(path).href);
    await page.screenshot({ path: beginning });
    await page.evaluate(() => window.scrollTo(0, window.innerHeight - 75));
    await page.screenshot({ path: further });
} finally {
    await browser.close();
}
