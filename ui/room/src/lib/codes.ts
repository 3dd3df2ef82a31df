/** What a code means to the person in front of the window, and what they can do. */
import { Code } from '../../../protocol/index';
import type { Language } from './types';

interface Meaning {
  title: string;
  hint: string;
}

type Entry = [en: Meaning, zh: Meaning];

const say = (title: string, hint: string): Meaning => ({ title, hint });

const signature: Entry = [
  say(
    'The page could not log you in',
    'Reload the page you came from and try again. If it happens again, tell its owner.',
  ),
  say('网页未能为您登录', '请刷新原网页后重试。若仍出现，请联系网页的管理员。'),
];

const parameters: Entry = [
  say('The page asked for the room in a wrong way', 'Tell the owner of the page you came from what stands below.'),
  say('网页提供的参数有误', '请将下方的信息告知原网页的管理员。'),
];

const table: Readonly<Record<number, Entry>> = {
  [Code.WrongParameter]: parameters,
  [Code.MissingParameter]: parameters,
  [Code.Ok]: [say('The room is over', 'The page closed the room.'), say('房间已结束', '网页关闭了房间。')],
  [Code.LaunchInvalid]: [
    say('The start address is damaged', 'Reload the page you came from and try again.'),
    say('启动地址已损坏', '请刷新原网页后重试。'),
  ],
  [Code.LaunchVersion]: [
    say('This page needs a newer Beckon', 'Install the current version and try again.'),
    say('此网页需要更新版本的 Beckon', '请安装最新版本后重试。'),
  ],
  [Code.SigMalformed]: signature,
  [Code.SigExpired]: signature,
  [Code.SigWrong]: signature,
  [Code.SigWrongApp]: signature,
  [Code.SigWrongUser]: signature,
  [Code.UnknownApp]: signature,
  [Code.TooManyAttempts]: [
    say('Too many log-ins failed', 'Try again later; it can take up to ten minutes.'),
    say('登录失败次数过多', '请稍后重试，最多需等待十分钟。'),
  ],
  [Code.TokenInvalid]: signature,
  [Code.Forbidden]: [
    say(
      'You may not do this',
      'You have as many rooms as the server allows, or may only watch in this one. Close another room, or ask the host.',
    ),
    say('您没有此权限', '您的房间数已达服务器上限，或在此房间中只能观看。请关闭其他房间，或联系主持人。'),
  ],
  [Code.RoomNotFound]: [
    say('There is no such room', 'It may be over already. Ask for a new invitation.'),
    say('房间不存在', '房间可能已经结束，请索取新的邀请。'),
  ],
  [Code.RoomFull]: [
    say('The room is full', 'Try again when somebody has left.'),
    say('房间已满', '有人离开后请重试。'),
  ],
  [Code.RoomExists]: [
    say('A room with this ID exists already', 'Enter that room, or choose another ID on the page.'),
    say('该房间号已存在', '请进入该房间，或在网页上选择其他房间号。'),
  ],
  [Code.RoomIdInvalid]: [
    say('The page gave a room ID that does not fit', 'Tell the owner of the page you came from what stands below.'),
    say('网页提供的房间号无效', '请将下方的信息告知原网页的管理员。'),
  ],
  [Code.RoomDestroyed]: [say('The room is over', 'The host ended it.'), say('房间已结束', '主持人结束了房间。')],
  [Code.JoinedElsewhere]: [
    say('You joined from somewhere else', 'The same user opened this room in another place, so it closed here.'),
    say('您已在别处加入', '同一用户在其他地方打开了此房间，因此这里已关闭。'),
  ],
  [Code.Removed]: [
    say('You were removed from the room', 'Ask the host if this was a mistake.'),
    say('您已被移出房间', '如有误会，请联系主持人。'),
  ],
  [Code.LeftByUser]: [
    say('You left the room', 'To come back, open it from the page again.'),
    say('您已离开房间', '如需返回，请从网页重新打开。'),
  ],
  [Code.CameraAbsent]: [
    say('No camera is connected', 'Connect one; it is used as soon as you turn the camera on.'),
    say('没有连接摄像头', '请连接摄像头，然后打开即可使用。'),
  ],
  [Code.CameraInUse]: [
    say('Another program uses the camera', 'Close that program, then turn the camera on.'),
    say('摄像头正被其他程序使用', '请关闭该程序后再打开摄像头。'),
  ],
  [Code.CameraDenied]: [
    say('The system does not let Beckon use the camera', "Allow it in the system's privacy settings."),
    say('系统不允许 Beckon 使用摄像头', '请在系统隐私设置中允许。'),
  ],
  [Code.CameraLost]: [
    say('The camera was unplugged', 'Plug it in again, then turn the camera on.'),
    say('摄像头已断开', '请重新插入后再打开摄像头。'),
  ],
  [Code.MicrophoneAbsent]: [
    say('No microphone was found', 'Connect one, then turn the microphone on.'),
    say('没有找到麦克风', '请连接麦克风后再打开。'),
  ],
  [Code.MicrophoneLost]: [
    say('The microphone was unplugged', 'Plug it in again, then turn the microphone on.'),
    say('麦克风已断开', '请重新插入后再打开麦克风。'),
  ],
  [Code.SpeakerAbsent]: [
    say('No loudspeaker was found', 'Connect a loudspeaker or headset to hear the others.'),
    say('没有找到扬声器', '请连接扬声器或耳机以收听。'),
  ],
  [Code.CodecUnavailable]: [
    say(
      'Pictures cannot be coded on this computer',
      'You hear the others, but no picture of yours is sent. Turn the camera off and on, or choose a smaller picture in the settings.',
    ),
    say('此电脑无法编码画面', '您可以听到对方，但无法发送您的画面。请关闭并重新打开摄像头，或在设置中选择较小的画面。'),
  ],
  [Code.MediaFile]: [
    say('The media file cannot be read', 'Check that the file is there and holds pictures or sound.'),
    say('无法读取媒体文件', '请检查文件是否存在且包含画面或声音。'),
  ],
  [Code.CameraUnusable]: [
    say(
      'The camera sends no usable pictures',
      'Unplug it and plug it in again, or choose another one in the settings.',
    ),
    say('摄像头无法提供可用的画面', '请拔下后重新插入，或在设置中选择其他摄像头。'),
  ],
  [Code.MicrophoneInUse]: [
    say('Another program uses the microphone', 'Close that program, then turn the microphone on.'),
    say('麦克风正被其他程序使用', '请关闭该程序后再打开麦克风。'),
  ],
  [Code.MicrophoneDenied]: [
    say('The system does not let Beckon use the microphone', "Allow it in the system's privacy settings."),
    say('系统不允许 Beckon 使用麦克风', '请在系统隐私设置中允许。'),
  ],
  [Code.CameraReplaced]: [
    say('Your camera is not connected', 'Another one is used until it is back.'),
    say('您选择的摄像头未连接', '已改用其他摄像头，重新连接后自动恢复。'),
  ],
  [Code.MicrophoneReplaced]: [
    say('Your microphone is not connected', 'Another one is used until it is back.'),
    say('您选择的麦克风未连接', '已改用其他麦克风，重新连接后自动恢复。'),
  ],
  [Code.SpeakerReplaced]: [
    say('Your loudspeaker is not connected', 'Another one is used until it is back.'),
    say('您选择的扬声器未连接', '已改用其他扬声器，重新连接后自动恢复。'),
  ],
  [Code.MachineBusy]: [
    say('This computer is busy', 'Pictures are smaller for now, so that sound stays clear.'),
    say('这台电脑负载过高', '暂时降低画面清晰度，以保证声音清晰。'),
  ],
  [Code.CameraElsewhere]: [
    say('Your camera is off here', 'Another room of Beckon has it. Turn it on to use it here instead.'),
    say('您的摄像头在此处已关闭', '它被 Beckon 的另一个房间使用。在此处打开即可改为在这里使用。'),
  ],
  [Code.MicrophoneElsewhere]: [
    say('Your microphone is off here', 'Another room of Beckon has it. Turn it on to use it here instead.'),
    say('您的麦克风在此处已关闭', '它被 Beckon 的另一个房间使用。在此处打开即可改为在这里使用。'),
  ],
  [Code.SoundCodecUnavailable]: [
    say(
      'Your sound cannot be coded',
      'The others do not hear you. Turn the microphone off and on, or choose another one.',
    ),
    say('无法编码您的声音', '对方听不到您。请关闭并重新打开麦克风，或选择其他麦克风。'),
  ],
  [Code.ScreenGone]: [
    say('Sharing has ended', 'The window was closed or the monitor unplugged. Nothing is shared any more.'),
    say('共享已结束', '窗口已关闭或显示器已断开，现在没有共享任何内容。'),
  ],
  [Code.ScreenUnavailable]: [
    say(
      'This screen cannot be shared',
      'The system does not allow it. On Linux with Wayland it takes PipeWire and xdg-desktop-portal.',
    ),
    say('无法共享此屏幕', '系统不允许共享。Linux 的 Wayland 桌面需要安装 PipeWire 和 xdg-desktop-portal。'),
  ],
  [Code.RegionRefused]: [
    say(
      'No part of the screen can be drawn now',
      'Another program holds the mouse or the keyboard. Close open menus and try again, or share a window.',
    ),
    say('现在无法框选屏幕区域', '其他程序占用了鼠标或键盘。请关闭打开的菜单后重试，或改为共享窗口。'),
  ],
  [Code.StageUnavailable]: [
    say(
      'Pictures cannot be shown in this window',
      'You hear the others, and they see and hear you. Close the window and open the room from the page again.',
    ),
    say('此窗口无法显示画面', '您可以听到对方，对方也能看到和听到您。请关闭窗口，然后从网页重新打开房间。'),
  ],
  [Code.ScreenCodecUnavailable]: [
    say(
      'Your screen cannot be coded on this computer',
      'The others do not see it. Stop sharing and share again, or choose a smaller window.',
    ),
    say('此电脑无法编码共享的屏幕', '对方看不到共享的内容。请停止共享后重新共享，或选择较小的窗口。'),
  ],
  [Code.ScreenSoundCodecUnavailable]: [
    say(
      "This computer's sound cannot be coded",
      'The others see what you share, and do not hear it. Stop sharing and share again.',
    ),
    say('无法编码这台电脑的声音', '对方能看到共享的内容，但听不到声音。请停止共享后重新共享。'),
  ],
  [Code.ServerUnreachable]: [
    say('The server does not answer', 'Check your network and try again from the page.'),
    say('服务器没有响应', '请检查网络，然后从网页重试。'),
  ],
  [Code.ConnectionLost]: [
    say('The connection was lost', 'It could not be mended. Check your network and open the room from the page again.'),
    say('连接已断开', '无法恢复。请检查网络后从网页重新打开房间。'),
  ],
  [Code.MediaUnreachable]: [
    say(
      'Pictures and sound cannot reach the server',
      'A firewall may be in the way. Try another network, or ask your administrator.',
    ),
    say('画面和声音无法到达服务器', '可能被防火墙拦截。请更换网络或联系管理员。'),
  ],
  [Code.ProtocolMismatch]: [
    say('App and server do not understand each other', 'Install the current version of Beckon.'),
    say('应用与服务器版本不兼容', '请安装最新版本的 Beckon。'),
  ],
  [Code.ServerStopping]: [
    say('The server is being restarted', 'Open the room from the page again in a moment.'),
    say('服务器正在重启', '请稍后从网页重新打开房间。'),
  ],
  [Code.ProxyFailed]: [
    say('The proxy does not answer', "Check the proxy's address, or ask your administrator."),
    say('代理服务器没有响应', '请检查代理地址或联系管理员。'),
  ],
};

const other: Entry = [
  say('Something went wrong', 'Open the room from the page again. The log has the details.'),
  say('出现问题', '请从网页重新打开房间。详情见日志。'),
];

const unbroken: readonly number[] = [
  Code.CameraReplaced,
  Code.MicrophoneReplaced,
  Code.SpeakerReplaced,
  Code.MachineBusy,
  Code.CameraElsewhere,
  Code.MicrophoneElsewhere,
];

const ends: readonly number[] = [Code.Ok, Code.RoomDestroyed, Code.JoinedElsewhere, Code.Removed, Code.LeftByUser];

/** Whether nothing is broken: another device stands in, pictures are smaller, another room has the device. */
export const standsIn = (code: number): boolean => unbroken.includes(code);

/** Whether a room ended so because somebody wanted it: its page, its host, the person. */
export const wished = (code: number): boolean => ends.includes(code);

/** The code of what a call to the app failed with. */
export function codeOf(error: unknown): number {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'number' ? code : Code.Internal;
}

/** The meaning of a code. */
export function meaning(code: number, language: Language): Meaning {
  const [en, zh] = table[code] ?? other;
  return language === 'zh-CN' ? zh : en;
}
