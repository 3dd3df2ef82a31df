/** Words that every window uses. */
export const en = {
  close: 'Close',
  language: 'Language',
  system: 'System',
  version: 'Version',
  broken: 'This window could not be set up',
  brokenHint: 'Close it and try again. The log has the details.',
};

export const zh: typeof en = {
  close: '关闭',
  language: '语言',
  system: '跟随系统',
  version: '版本',
  broken: '无法显示此窗口',
  brokenHint: '请关闭此窗口后重试。详情见日志。',
};
