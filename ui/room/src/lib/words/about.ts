/** Words of the settings' section about the app itself. */
export const en = {
  title: 'About',
  languageHint: 'For windows whose page has no wish of its own.',
  shortcut: 'Ctrl + comma opens these settings from every window.',
  log: 'Log:',
  noLog:
    'The log cannot be written, so nothing is kept of what happens. Is its folder writable, and is there room on the disk?',
};

export const zh: typeof en = {
  title: '关于',
  languageHint: '用于网页没有指定语言的窗口。',
  shortcut: '在任何窗口中按 Ctrl + 逗号可打开设置。',
  log: '日志：',
  noLog: '无法写入日志，运行情况不会被记录。请检查其文件夹是否可写、磁盘空间是否充足。',
};
