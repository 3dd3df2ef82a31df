/** Words about sharing the screen. */
export const en = {
  name: 'Share',
  start: 'Share your screen',
  sharing: 'You are sharing',
  minimised: 'The window is minimised: others see its last picture.',
  stop: 'Stop sharing',
  choose: 'What do you want to share?',
  screens: 'Whole screens',
  windows: 'Windows',
  noWindows: 'No other windows are open.',
  region: 'Part of the screen…',
  regionHint:
    'Drag over the part to share. Or: arrow keys (finer with Shift), and Enter at each of two corners. Esc cancels.',
  motion: 'Smooth motion, for films',
  share: 'Share',
  cancel: 'Cancel',
  dismiss: 'OK',
};

export const zh: typeof en = {
  name: '共享',
  start: '共享屏幕',
  sharing: '您正在共享',
  minimised: '窗口已最小化，对方看到的是最后的画面。',
  stop: '停止共享',
  choose: '您要共享什么？',
  screens: '整个屏幕',
  windows: '窗口',
  noWindows: '没有其他打开的窗口。',
  region: '屏幕区域…',
  regionHint: '拖动鼠标框选要共享的区域；也可用方向键移动（按住 Shift 微调），在两个角各按一次 Enter。按 Esc 取消。',
  motion: '画面流畅优先（适合视频）',
  share: '共享',
  cancel: '取消',
  dismiss: '知道了',
};
