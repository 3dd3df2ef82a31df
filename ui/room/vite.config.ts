import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [svelte()],
  // The app's windows: WebView2 (Chromium), WebKitGTK 2.40 and WKWebView of macOS 13.
  build: { target: ['chrome110', 'safari16.4'], assetsInlineLimit: 0 },
  clearScreen: false,
  // Chromium and the pages' first compilation take a slow machine's time.
  test: { testTimeout: 30_000, hookTimeout: 120_000, expect: { poll: { timeout: 10_000 } } },
} as Parameters<typeof defineConfig>[0]);
