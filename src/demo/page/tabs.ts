/**
 * Shows one part of the page at a time; its name is in the address, so that Back and Forward go through them. `onShow` runs each
 * time a part comes up.
 */
export function setUpTabs(onShow: (name: string) => void): void {
  const tabs = [...document.querySelectorAll<HTMLButtonElement>('[role=tab]')];
  const nameOf = (tab: HTMLButtonElement): string => tab.getAttribute('aria-controls')!;

  const show = (chosen: HTMLButtonElement): void => {
    for (const tab of tabs) {
      tab.setAttribute('aria-selected', String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      document.getElementById(nameOf(tab))!.hidden = tab !== chosen;
    }
    onShow(nameOf(chosen));
  };
  const showAddressed = (): void => show(tabs.find((tab) => `#${nameOf(tab)}` === location.hash) ?? tabs[0]!);

  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener('click', () => {
      if (location.hash !== `#${nameOf(tab)}`) history.pushState(null, '', `#${nameOf(tab)}`);
      show(tab);
      scrollTo({ top: 0 });
    });
    tab.addEventListener('keydown', ({ key }) => {
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 }[key];
      if (to === undefined) return;
      const next = tabs[(to + tabs.length) % tabs.length]!;
      next.focus();
      next.click();
    });
  }
  addEventListener('popstate', showAddressed);
  showAddressed();
}
