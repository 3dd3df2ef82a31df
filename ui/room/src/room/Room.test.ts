// The room's page in a real Chromium, with the app made up (lib/mock.ts): what it does by the keyboard, what those hear who
// do not see it, and whether the panels of the devices fit.

import { fileURLToPath } from 'node:url';
import { type Browser, type Locator, type Page, chromium } from 'playwright-core';
import { type ViteDevServer, createServer } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, skipped } from '../../../test/skip';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe.skipIf(skipped("the room's page in Chromium", [CHROMIUM]))("the room's page in Chromium", () => {
  let server: ViteDevServer;
  let browser: Browser;
  let page: Page;
  let told: string[];

  beforeAll(async () => {
    // Any free port: several checkouts may be tested at once.
    server = await createServer({ root, logLevel: 'error', server: { port: 0 } });
    await server.listen();
    browser = await chromium.launch({ executablePath: CHROMIUM.file, args: ['--no-sandbox'] });
    // The first page has everything compiled: its time is no test's.
    await (await open()).getByRole('toolbar').waitFor();
    await page.close();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  afterEach(() => page.close());

  async function open(query = '', width = 1280, height = 700): Promise<Page> {
    await visit(`view=room${query}`, { viewport: { width, height } });
    await page.getByRole('toolbar').waitFor();
    return page;
  }

  async function visit(query: string, options: Parameters<Browser['newPage']>[0]): Promise<void> {
    page = await browser.newPage(options);
    told = [];
    page.on('console', (line) => void told.push(line.text()));
    await page.goto(`${server.resolvedUrls?.local[0] ?? ''}?${query}`);
  }

  const button = (name: string): Locator => page.getByRole('button', { name, exact: true });
  const panel = (name: string): Locator => page.getByRole('complementary', { name, exact: true });
  const focused = (what: Locator): Promise<boolean> => what.evaluate((element) => element === document.activeElement);
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };

  test('the arrow opens its panel by the keyboard; Escape closes it, and the keyboard is back at the arrow', async () => {
    await open();
    const arrow = button('Microphone settings');
    await button('Mic').focus();
    await press('ArrowRight', 'Enter');
    const opened = panel('Microphone settings');
    await opened.waitFor();
    await expect.poll(() => focused(opened)).toBe(true);
    expect(await arrow.getAttribute('aria-expanded')).toBe('true');
    await press('Tab', 'Tab');
    expect(await focused(opened.getByLabel('Device', { exact: true }))).toBe(true);
    await press('Escape');
    await expect.poll(() => focused(arrow)).toBe(true);
    expect(await arrow.getAttribute('aria-expanded')).toBe('false');
    // What was beside the stage before is there again.
    await panel('Chat').waitFor();
  });

  test("another device's arrow changes the panel, and the same one closes it", async () => {
    await open('&nochat&nomembers');
    await button('Microphone settings').click();
    await button('Camera settings').click();
    await panel('Camera settings').waitFor();
    await button('Loudspeaker settings').click();
    await panel('Loudspeaker settings').waitFor();
    await button('Loudspeaker settings').click();
    await expect.poll(() => page.getByRole('complementary').count()).toBe(0);
  });

  test('strength and switches of the microphone are set there, and its letters go on being the room’s', async () => {
    await open();
    await button('Microphone settings').click();
    await page.getByRole('radio', { name: 'Medium' }).focus();
    await press('ArrowRight');
    await expect.poll(() => page.getByRole('radio', { name: 'High' }).isChecked()).toBe(true);
    const echo = page.getByRole('switch', { name: 'Echo cancellation' });
    expect(await echo.getAttribute('aria-checked')).toBe('true');
    await echo.focus();
    await press('Space');
    await expect.poll(() => echo.getAttribute('aria-checked')).toBe('false');
    await press('m');
    await expect.poll(() => button('Mic').getAttribute('aria-pressed')).toBe('false');
  });

  test('its level is shown and asked for only while it is open', async () => {
    await open();
    await button('Microphone settings').click();
    const meter = page.getByRole('meter', { name: 'Microphone level' });
    await expect.poll(async () => Number(await meter.getAttribute('aria-valuenow'))).toBeGreaterThan(0);
    await button('Mic').click();
    await expect.poll(() => meter.count()).toBe(0);
    await expect.poll(() => told.filter((line) => line.includes('watch')).at(-1)).toContain('false');
    await page.close();
    await open('&muted');
    await button('Microphone settings').click();
    await panel('Microphone settings').getByText('The microphone is off').waitFor();
    expect(told.filter((line) => line.includes('watch'))).toEqual([]);
  });

  test('preset and beauty filter are set there; what the page asked for is shown as what holds', async () => {
    await open('&asked');
    await button('Camera settings').click();
    const resolution = page.getByLabel('Resolution');
    expect(await resolution.inputValue(), 'as the page asked').toBe('360p');
    await resolution.selectOption('1080p');
    await expect.poll(() => resolution.inputValue()).toBe('1080p');
    const beauty = page.getByRole('switch', { name: 'Beauty filter' });
    const strength = page.getByRole('slider', { name: 'Smoothing' });
    if ((await beauty.getAttribute('aria-checked')) === 'true') await beauty.click();
    await expect.poll(() => strength.isDisabled()).toBe(true);
    await beauty.click();
    await expect.poll(() => strength.isDisabled()).toBe(false);
    await strength.focus();
    await press('ArrowRight');
    await expect.poll(() => strength.getAttribute('aria-valuetext')).toBe('6 of 9');
  });

  test('the audience of a live room can choose its loudspeaker, and nothing else', async () => {
    await open('&audience');
    expect(await button('Microphone settings').count()).toBe(0);
    await button('Loudspeaker settings').click();
    await button('Play notes').click();
    await button('Playing…').waitFor();
  });

  /** What is said to those who hear the page. */
  const said = (): Promise<string[]> =>
    page.getByRole('status').evaluateAll((all) => all.map((one) => one.textContent?.trim() ?? ''));

  test('texts that come in while the chat is closed are said, and counted in the name of its button', async () => {
    await open('&writes', 620);
    await expect.poll(said, { timeout: 5000 }).toContain('New message from Maria Fernández, 2 unread');
    await page.getByRole('button', { name: '2 unread Chat' }).click();
    await panel('Chat').waitFor();
    expect((await said()).filter((text) => text.includes('unread'))).toEqual([]);
  });

  test('why a window could not be shared stays there until another one is chosen', async () => {
    await open('&refuses');
    await button('Share').click();
    const picker = page.getByTestId('share-picker');
    const trouble = picker.getByRole('alert');
    await picker.getByRole('radio', { name: 'Terminal' }).click();
    await picker.getByRole('button', { name: 'Share', exact: true }).click();
    await trouble.getByText('It is not there any more').waitFor();
    // The list is looked at again each second.
    await page.waitForTimeout(2500);
    expect(await trouble.count()).toBe(1);
    await picker.getByRole('radio', { name: 'HDMI-1' }).click();
    await expect.poll(() => trouble.count()).toBe(0);
  });

  test('who is writing when the room ends does not close the window unread', async () => {
    await open('&ends');
    await page.getByLabel('Message to everyone').click();
    await press('o', 'k', 'Enter', 'Space', 'Enter');
    const close = button('Close');
    await expect.poll(() => focused(close)).toBe(true);
    expect(told.some((line) => line.includes('leave'))).toBe(false);
    await press('Enter');
    await expect.poll(() => told.some((line) => line.includes('leave'))).toBe(true);
  });

  test('a text sent by the button leaves the keyboard in the field, and what is typed meanwhile is the next text', async () => {
    await open('&slow');
    const field = page.getByLabel('Message to everyone');
    await field.fill('hello');
    await button('Send').click();
    await expect.poll(() => focused(field)).toBe(true);
    await press('m', 'v');
    await expect.poll(() => field.inputValue()).toBe('mv');
    expect(await button('Mic').getAttribute('aria-pressed'), 'letters in the field are text').toBe('true');
  });

  test('who shares a screen or has a poor connection is told in the list, and the screen is brought to the front there', async () => {
    await open('&screens');
    await press('p');
    const screen = button('Screen of Maria Fernández');
    await screen.focus();
    await press('Enter');
    await expect.poll(() => screen.getAttribute('aria-pressed')).toBe('true');
    expect(told.some((line) => line.includes('mock focus 101'))).toBe(true);
    await press('Enter');
    await expect.poll(() => screen.getAttribute('aria-pressed')).toBe('false');
    expect(await page.getByRole('button', { name: /^王小明.*Poor connection/ }).count()).toBe(1);
  });

  test('a button that goes leaves the keyboard where it was used', async () => {
    await open('&sharing');
    await button('Stop sharing').focus();
    await press('Enter');
    await expect.poll(() => focused(button('Share'))).toBe(true);
    await press('p');
    await button('Volume of 王小明').click();
    const slider = page.getByRole('slider', { name: 'Volume of 王小明' });
    await button('Back to 100 %').focus();
    await press('Enter');
    await expect.poll(() => slider.getAttribute('aria-valuetext')).toBe('100 %');
    expect(await focused(slider)).toBe(true);
  });

  test('the link for guests has a name in the narrowest window, and it is said whether it was copied', async () => {
    await open('', 320, 560);
    // As in a web view that has no clipboard, first with the old way and then without any.
    await page.evaluate(() =>
      Object.defineProperty(navigator, 'clipboard', { value: { writeText: () => Promise.reject(new Error('no')) } }),
    );
    for (const [works, words] of [
      [true, 'Link copied'],
      [false, 'The link could not be copied'],
    ] as const) {
      await page.evaluate((works) => (document.execCommand = () => works), works);
      await button('Copy guest link').click();
      await expect.poll(said).toContain(words);
    }
  });

  test('chat and members are tabs: arrows move between them, and what is shown has the name of its tab', async () => {
    await open();
    const tab = (name: RegExp): Locator =>
      page.getByRole('tablist', { name: 'Chat and members' }).getByRole('tab', { name });
    await tab(/Chat/).focus();
    await press('ArrowRight');
    await expect.poll(() => focused(tab(/Members/))).toBe(true);
    await page
      .getByRole('tabpanel', { name: /Members/ })
      .getByRole('button', { name: /Maria/ })
      .first()
      .waitFor();
    expect(await tab(/Members/).getAttribute('aria-controls')).toBe(
      await page.getByRole('tabpanel').getAttribute('id'),
    );
    expect(await tab(/Chat/).getAttribute('tabindex')).toBe('-1');
    await press('ArrowRight');
    await page.getByRole('tabpanel', { name: 'Chat' }).getByLabel('Message to everyone').waitFor();
    expect(await focused(tab(/Chat/))).toBe(true);
  });

  test('the sections of the settings are the same kind of tabs, in a column or in a row', async () => {
    for (const width of [700, 420]) {
      await visit('view=settings', { viewport: { width, height: 600 } });
      const tab = (name: string): Locator => page.getByRole('tablist', { name: 'Sections' }).getByRole('tab', { name });
      await tab('Devices').focus();
      await press('ArrowUp');
      await page.getByRole('tabpanel', { name: 'About' }).waitFor();
      await expect.poll(() => focused(tab('About'))).toBe(true);
      // Where the row is too long for the window it has been moved there.
      const box = await tab('About').boundingBox();
      expect((box?.x ?? -1) >= 0 && (box?.x ?? 0) + (box?.width ?? 0) <= width, `${width}`).toBe(true);
      await press('Home', 'ArrowRight');
      await page.getByRole('tabpanel', { name: 'Picture' }).waitFor();
      await page.close();
    }
  });

  test('the preview of the settings follows what comes and goes above it', async () => {
    await visit('view=settings&section=beauty&inroom&roomcamera&asked', { viewport: { width: 760, height: 620 } });
    const top = async (): Promise<number> =>
      (await page.getByRole('img', { name: 'Pictures' }).boundingBox())?.y ?? Number.NaN;
    /** Where the page told the app to lay the pictures. */
    const laid = (): number =>
      Number(/ y: ([\d.]+)/.exec(told.filter((l) => l.startsWith('mock place')).at(-1) ?? '')?.[1]);
    const fits = async (): Promise<boolean> => Math.abs(laid() - (await top())) < 1;
    await expect.poll(fits).toBe(true);
    const before = await top();
    // What says that the page asked for the filter goes with it.
    await page.getByRole('switch', { name: 'Beauty filter' }).click();
    await expect.poll(async () => (await top()) < before).toBe(true);
    await expect.poll(fits).toBe(true);
  });

  test('what an administrator laid down twice is shown so, and no window fails for it', async () => {
    for (const view of ['home', 'settings&section=permissions']) {
      await visit(`view=${view}&policy&fault&twice`, {});
      await expect.poll(() => page.getByText('https://*.corp.example').count()).toBe(2);
      expect(await page.getByText('"denyOrigin" is no field').count()).toBe(2);
      // Each button says what it takes back.
      await button('Take back: http://localhost:8080').waitFor();
      await page.close();
    }
  });

  test('the settings tell where the log lies, and that it cannot be written', async () => {
    for (const [lang, words] of [
      ['en', 'The log cannot be written'],
      ['zh-CN', '无法写入日志'],
    ] as const)
      for (const fault of [false, true]) {
        await visit(`view=settings&section=about&lang=${lang}${fault ? '&nolog' : ''}`, {});
        const about = page.getByRole('tabpanel');
        await about.getByText('beckon.log').waitFor();
        expect(await about.getByText(words).count(), lang).toBe(fault ? 1 : 0);
        expect(await about.getByText('Permission denied').count(), lang).toBe(fault ? 1 : 0);
        await page.close();
      }
  });

  test('the buttons of chat and members say whether their panel is open; the room’s letters are told', async () => {
    await open();
    const is = (name: string, what: string): Promise<string | null> => button(name).getAttribute(`aria-${what}`);
    expect([await is('Chat', 'expanded'), await is('Members', 'expanded')]).toEqual(['true', 'false']);
    expect(await is('Chat', 'pressed')).toBeNull();
    await press('p');
    await expect.poll(() => is('Members', 'expanded')).toBe('true');
    expect([await is('Chat', 'expanded'), await is('Members', 'controls')]).toEqual(['false', 'panel']);
    const letters = ['Mic', 'Camera', 'Share', 'Chat', 'Members'].map((name) => is(name, 'keyshortcuts'));
    expect(await Promise.all(letters)).toEqual(['m', 'v', 's', 'c', 'p']);
    expect(await is('Share', 'pressed')).toBe('false');
  });

  test('a button that does nothing now looks so, and keeps the keyboard', async () => {
    await open('&dialog&thinks=5000');
    await button('Share').click();
    const ask = button("Choose in the system's dialog…");
    await ask.click();
    await expect.poll(() => ask.getAttribute('aria-disabled')).toBe('true');
    expect(await ask.evaluate((element) => getComputedStyle(element).opacity)).toBe('0.5');
    expect(await focused(ask)).toBe(true);
  });

  test('what nobody catches in the page is told to the app', async () => {
    await open();
    await page.evaluate(() => {
      void Promise.reject(new Error('of a promise'));
      setTimeout(() => {
        throw new Error('of a listener');
      });
    });
    for (const what of ['of a promise', 'of a listener'])
      await expect.poll(() => told.some((line) => line.includes(`mock failed Error: ${what}`))).toBe(true);
  });

  test('a window that cannot be set up says so, and why', async () => {
    for (const [locale, title] of [
      ['en', 'This window could not be set up'],
      ['zh-CN', '无法显示此窗口'],
    ] as const) {
      await visit('noboot', { locale });
      const alert = page.getByRole('alert');
      await alert.getByText(title).waitFor();
      expect(await alert.textContent()).toContain('the room is over');
      await page.close();
    }
  });

  const sizes = [
    [320, 560],
    [420, 420],
    [620, 640],
    [1280, 700],
  ] as const;
  for (const lang of ['en', 'zh-CN'])
    for (const [width, height] of sizes)
      test(`everything fits into ${width} × ${height}, ${lang}`, async () => {
        await open(`&beauty&lang=${lang}`, width, height);
        for (const kind of ['microphone', 'camera', 'speaker']) {
          await page.locator(`[data-more=${kind}]`).click();
          await page.locator('#panel select').first().waitFor();
          const out = await page.evaluate(() => {
            const [all, stage] = [document.documentElement, document.querySelector('.stage')];
            const wide = [...document.querySelectorAll('button, select, input, label, p, h2, #panel *')].filter(
              (one) => {
                const { left, right } = one.getBoundingClientRect();
                return !one.closest('.hidden-label') && (left < -0.5 || right > all.clientWidth + 0.5);
              },
            );
            const seen = stage?.getBoundingClientRect();
            const over = [...document.querySelectorAll('#panel')].filter((one) => {
              const { left, top } = one.getBoundingClientRect();
              return seen && left < seen.right - 0.5 && top < seen.bottom - 0.5;
            });
            return [...wide, ...over].map((one) => one.outerHTML.slice(0, 80));
          });
          expect(out, kind).toEqual([]);
        }
      });
});
