/** Words of the settings' section for the beauty filter. */
export const en = {
  title: 'Beauty',
  on: 'Beauty filter',
  onHint:
    'Smooths and brightens skin in the picture of your camera, for the others and for you. Shared screens stay as they are.',
  style: 'Style',
  styles: { smooth: 'Smooth', natural: 'Natural', hazy: 'Hazy' },
  strength: 'Smoothing',
  whitening: 'Whitening',
  ruddy: 'Rosiness',
  level: (level: number) => (level === 0 ? '0, off' : `${level} of 9`),
};

export const zh: typeof en = {
  title: '美颜',
  on: '美颜',
  onHint: '对摄像头画面中的皮肤进行磨皮和美白，对方和您看到的画面都会变化；共享的屏幕不受影响。',
  style: '风格',
  styles: { smooth: '光滑', natural: '自然', hazy: '朦胧' },
  strength: '磨皮',
  whitening: '美白',
  ruddy: '红润',
  level: (level: number) => (level === 0 ? '0，关闭' : `${level}，最高 9`),
};
