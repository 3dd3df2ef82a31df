import { copyFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig } from 'vite';

/** What a module may import by name; the script sets the same names as globals. */
const names = ['Beckon', 'EXEStarter', 'RtcRoom', 'LiveRoom', 'EnumDef', 'StyleType', 'RoomAction', 'Template'];

export default defineConfig({
  define: { __VERSION__: JSON.stringify('0.1.0') },
  build: {
    target: 'es2018',
    lib: { entry: 'src/index.ts', formats: ['iife'], name: '__beckon', fileName: () => 'EXEStarter.js' },
  },
  plugins: [
    {
      name: 'ship-types-and-named-imports',
      closeBundle() {
        const dist = (file: string) => resolve(import.meta.dirname, 'dist', file);
        copyFileSync(resolve(import.meta.dirname, 'EXEStarter.d.ts'), dist('EXEStarter.d.ts'));
        copyFileSync(resolve(import.meta.dirname, 'EXEStarter.d.ts'), dist('EXEStarter.d.mts'));
        // A file that classic scripts can load has no `export`; this one gives the globals their names.
        writeFileSync(
          dist('EXEStarter.mjs'),
          `import './EXEStarter.js';\nexport const { ${names.join(', ')} } = globalThis;\n`,
        );
      },
    },
  ],
  // Chromium has a slow machine's time to get there: a second is not enough while something else builds, and ten are
  // not for its very first start, which reads a quarter of a gigabyte from a disk that was never read before.
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 10_000 } },
  },
} as Parameters<typeof defineConfig>[0]);
