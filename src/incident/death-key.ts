const NO_BOOT = '-';
const BOOT_ID_LENGTH = 36;

/**
 * What is the same for one death in every source: the boot, the kernel's clock (printk prints microseconds everywhere) and who
 * died. Where neither the line nor a comparison of clocks tells the boot, a dash stands for it.
 */
export function deathKey(bootId: string | null, kernelSeconds: number, whom: string): string {
  return `${bootId ?? NO_BOOT}:${Math.round(kernelSeconds * 1e6)}:${whom}`;
}

/** The kernel's clock and the pid of a death, by which it is looked up. null: this key does not tell both. */
export function momentOf(key: string): string | null {
  const at = key.indexOf(':');
  const moment = key.slice(at + 1);
  return (at === BOOT_ID_LENGTH || key.slice(0, at) === NO_BOOT) && /^\d+:\d+$/.test(moment) ? moment : null;
}

/**
 * The same moment in a boot that is not known and in one that is are one death: that two boots of one host share it to the
 * microsecond, pid included, does not happen.
 */
export function isSameDeath(key: string, other: string): boolean {
  if (key === other) return true;
  const isBootOpen = [key, other].some((one) => one.startsWith(`${NO_BOOT}:`));
  return isBootOpen && momentOf(key) !== null && momentOf(key) === momentOf(other);
}
