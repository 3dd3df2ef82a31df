/** Words of the settings' section about the app itself. */
export const en = {
  title: 'About',
  languageHint: 'For windows whose page has no wish of its own.',
  shortcut: 'Ctrl + comma opens these settings from every window.',
};

export const zh: typeof en = {
  title: '关于',
  languageHint: '用于网页没有指定语言的窗口。',
  shortcut: '在任何窗口中按 Ctrl + 逗号可打开设置。',
};
