/** The home window's words. */
export const en = {
  tagline: 'Web pages open rooms; the room is a window of its own.',
  waiting: 'Ready. Press the call button on your page, and the room opens here.',
  startFailed: 'The last start from a web page did not work.',
};

export const zh: typeof en = {
  tagline: '网页打开房间，房间是独立的窗口。',
  waiting: '已就绪。在您的网页上点击呼叫按钮，房间会在这里打开。',
  startFailed: '上次从网页启动未成功。',
};
