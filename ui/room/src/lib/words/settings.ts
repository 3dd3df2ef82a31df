/** Words of the settings window around its sections. */
export const en = {
  title: 'Settings',
  sections: 'Sections',
};

export const zh: typeof en = {
  title: '设置',
  sections: '分类',
};
