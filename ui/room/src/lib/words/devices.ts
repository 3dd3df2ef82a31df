/** Words of the settings' section for camera, microphone and loudspeaker. */
export const en = {
  title: 'Devices',
  camera: 'Camera',
  microphone: 'Microphone',
  speaker: 'Loudspeaker',
  systemDefault: 'System default',
  absent: 'not connected',
  none: 'None is connected.',
};

export const zh: typeof en = {
  title: '设备',
  camera: '摄像头',
  microphone: '麦克风',
  speaker: '扬声器',
  systemDefault: '系统默认',
  absent: '未连接',
  none: '没有连接任何设备。',
};
