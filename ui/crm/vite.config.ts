import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  base: '/crm/',
  plugins: [svelte()],
  build: { target: ['chrome110', 'firefox115', 'safari16.4'], assetsInlineLimit: 0 },
  server: {
    proxy: { '/api': 'http://127.0.0.1:8080', '/weapp': 'http://127.0.0.1:8080', '/starter': 'http://127.0.0.1:8080' },
  },
});
