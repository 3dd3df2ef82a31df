import { mount } from 'svelte';
import App from './App.svelte';
import { connect } from './lib/host';
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

const host = await connect();
const boot = await host.boot();
speak(boot.language);
document.documentElement.lang = boot.language;
mount(App, { target, props: { host, boot } });
