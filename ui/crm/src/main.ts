import { mount } from 'svelte';
import App from './App.svelte';
import '@beckon/design/tokens.css';
import '@beckon/design/base.css';
import './style.css';

const target = document.getElementById('app');
if (target) mount(App, { target });
