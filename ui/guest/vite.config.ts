import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [svelte()],
  // beckond serves the page at /join/ROOM and its files under /guest/.
  base: '/guest/',
  build: { target: ['chrome110', 'firefox115', 'safari16.4'], assetsInlineLimit: 0, chunkSizeWarningLimit: 900 },
  clearScreen: false,
});
