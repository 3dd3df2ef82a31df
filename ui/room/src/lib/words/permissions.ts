/** Words of the list of pages that may open rooms without asking. */
export const en = {
  title: 'Permissions',
  allowedPages: 'Pages that may open rooms without asking',
  noPages: 'None. Each page will ask you first.',
  revoke: 'Take back',
  since: 'since',
  via: 'via',
  byPolicy: 'laid down by your administrator',
  faults: 'The rules that your administrator laid down for this computer have faults. Tell them:',
  blocked:
    'The rules that your administrator laid down for this computer cannot be read. Until they are mended, no page may open a room. Tell them:',
};

export const zh: typeof en = {
  title: '权限',
  allowedPages: '无需询问即可打开房间的网页',
  noPages: '没有。每个网页都会先征求您的同意。',
  revoke: '撤销',
  since: '起始于',
  via: '经由',
  byPolicy: '由管理员设定',
  faults: '管理员为此电脑设定的规则有误，请告知管理员：',
  blocked: '无法读取管理员为此电脑设定的规则。修正之前，任何网页都不能打开房间。请告知管理员：',
};
