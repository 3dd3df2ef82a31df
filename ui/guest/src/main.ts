import { mount } from 'svelte';

import '@beckon/design/tokens.css';
import '@beckon/design/base.css';

import App from './App.svelte';

const target = document.getElementById('app');
if (target) mount(App, { target });
