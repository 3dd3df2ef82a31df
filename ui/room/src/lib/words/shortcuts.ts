/** Words of the settings' section for keys. */
export const en = {
  title: 'Shortcuts',
  where: 'In the room window, while you are not typing:',
  space: 'Space',
  microphone: 'Microphone on or off',
  camera: 'Camera on or off',
  share: 'Share your screen, or stop sharing',
  chat: 'Chat',
  members: 'Members',
  talk: 'Hold to talk while the microphone is off',
  talkOff: 'Hold to talk; turned on under Sound',
  settings: 'Settings, in every window',
};

export const zh: typeof en = {
  title: '快捷键',
  where: '在房间窗口中，未输入文字时：',
  space: '空格',
  microphone: '打开或关闭麦克风',
  camera: '打开或关闭摄像头',
  share: '共享屏幕，或停止共享',
  chat: '聊天',
  members: '成员',
  talk: '麦克风关闭时按住说话',
  talkOff: '按住说话（在“声音”中开启）',
  settings: '设置（所有窗口）',
};
