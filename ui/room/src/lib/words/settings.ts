/** Words of the settings window around its sections. */
export const en = {
  title: 'Settings',
  sections: 'Sections',
  asked: 'As the page asked. What you change holds from now on.',
  asInRoom: 'Shown as your open room has it: its page asked for that. What you change holds there, and from now on.',
};

export const zh: typeof en = {
  title: '设置',
  sections: '分类',
  asked: '由网页指定。您的修改会立即生效并保存。',
  asInRoom: '显示的是当前房间的设置（由网页指定）。您的修改会立即在房间中生效，并保存下来。',
};
