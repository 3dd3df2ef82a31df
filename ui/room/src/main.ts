import { mount } from 'svelte';
import App from './App.svelte';
import Broken from './Broken.svelte';
import { described, reporter, watch } from './lib/failures';
import { connect } from './lib/host';
import type { Language } from './lib/types';
import { speak } from './lib/words.svelte';
import '@beckon/design/tokens.css';
import '@beckon/design/base.css';
import './styles/window.css';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');

// A desktop window has no use for the browser's own menu, except where text is edited.
addEventListener('contextmenu', (event) => {
  if (!(event.target instanceof HTMLTextAreaElement)) event.preventDefault();
});

/** Until the app says which one it speaks, that of the web view. */
function use(language: Language): void {
  speak(language);
  document.documentElement.lang = language;
}

use(navigator.language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en');
let report = (thrown: unknown): void => console.error(thrown);
try {
  const host = await connect();
  report = reporter(host.failed);
  watch(window, report);
  const boot = await host.boot();
  use(boot.language);
  mount(App, { target, props: { host, boot } });
} catch (error) {
  report(error);
  target.replaceChildren();
  mount(Broken, { target, props: { why: described(error) } });
}
