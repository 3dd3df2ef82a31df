/** Words of the settings' section for our own pictures. */
export const en = {
  title: 'Picture',
  quality: 'Quality',
  resolution: 'Resolution',
  aspect: 'Shape',
  fps: 'Pictures a second',
  wide: 'Wide (16:9)',
  standard: 'Standard (4:3)',
  qualityHint: 'What is sent at best; a slow network or computer takes from it by itself.',
  mirror: 'Show me as in a mirror',
  mirrorHint: 'Only for you: the others always see the picture the right way round.',
};

export const zh: typeof en = {
  title: '画面',
  quality: '画质',
  resolution: '分辨率',
  aspect: '画面比例',
  fps: '每秒帧数',
  wide: '宽屏（16:9）',
  standard: '标准（4:3）',
  qualityHint: '最高发送质量；网络或电脑较慢时会自动降低。',
  mirror: '镜像显示自己',
  mirrorHint: '仅影响您自己看到的画面，对方看到的始终是正常方向。',
};
