/** Words that every window uses. */
export const en = {
  close: 'Close',
  language: 'Language',
  system: 'System',
  version: 'Version',
};

export const zh: typeof en = {
  close: '关闭',
  language: '语言',
  system: '跟随系统',
  version: '版本',
};
