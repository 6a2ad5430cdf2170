// screenshot.mjs JOB: a picture of one page of a real Home Assistant. SPDX-License-Identifier: MIT
// JOB is a JSON file: modules (folder with playwright-core), browser, profile (an empty folder),
// base, path, tokens (what the frontend keeps of a log-in), width, height, file.
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const {chromium} = createRequire(`${job.modules}/`)("playwright-core");

const context = await chromium.launchPersistentContext(job.profile, {
    executablePath: job.browser,
    headless: true,
    viewport: {width: job.width, height: job.height},
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
    await context.addInitScript(tokens => {
        localStorage.setItem("hassTokens", JSON.stringify(tokens));
        localStorage.setItem("selectedLanguage", '"en"');
    }, job.tokens);
    const page = await context.newPage();
    await page.goto(job.base + job.path);
    await page.waitForFunction(() => {
        const hass = document.querySelector("home-assistant")?.hass;
        return hass?.connected && hass.states && Object.keys(hass.states).length > 0;
    }, null, {timeout: 60000});
    await page.waitForLoadState("networkidle", {timeout: 30000}).catch(() => {});
    await page.waitForTimeout(3000);
    await page.screenshot({path: job.file});
} finally {
    await context.close();
}
