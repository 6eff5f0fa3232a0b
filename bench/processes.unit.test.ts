import { cpuBetween, cpuMsOf, processesOf, roleOf, sumOf, type ProcessUse } from './processes';

const use = (pid: number, role: ProcessUse['role'], cpuMs: number): ProcessUse => ({
  pid,
  role,
  cpuMs,
  residentMiB: 1,
});

describe('processes of a system', () => {
  it.each([
    ['/cache/mysql/bin/mysqld\0--defaults-file=/x/conf/my.cnf\0', 'mysqld'],
    ['/usr/bin/java\0-Xmx1g\0kafka.Kafka\0/x/conf/server.properties\0', 'kafka'],
    ['java\0-cp\0libs\0org.apache.kafka.connect.cli.ConnectDistributed\0/x/conf/c.properties\0', 'connect'],
    ['java\0-Dapicurio.storage.kind=sql\0-jar\0/cache/registry/quarkus-run.jar\0', 'registry'],
    ['/usr/bin/node\0/app/dist/payment-api/server.main.js\0', 'api'],
    ['/usr/bin/node\0launch/run.mjs\0start\0', 'launcher'],
    ['/usr/bin/node\0/app/dist/something.main.js\0', 'other'],
  ])('When a command line is %j, then its role is %s', (commandLine, role) => {
    expect(roleOf(commandLine)).toBe(role);
  });

  it('When a name has blanks and parentheses, then its CPU time is still found', () => {
    const stat = '7 (a (b) c) S 1 7 7 0 -1 4194560 10 0 0 0 25 5 0 0 20 0 11 0 1000 0 0';
    expect(cpuMsOf(stat)).toBe(300);
  });

  it('When CPU is compared, then each role has what all its processes used', () => {
    const before = [use(1, 'api', 100), use(2, 'api', 50), use(3, 'wallet', 0)];
    const after = [use(1, 'api', 130), use(2, 'api', 60), use(3, 'wallet', 5)];
    expect(cpuBetween(before, after)).toEqual({ api: 40, wallet: 5 });
    expect(sumOf(cpuBetween(before, after))).toBe(45);
  });

  it('When a process was replaced meanwhile, then the window counts for nothing', () => {
    expect(() => cpuBetween([use(1, 'api', 1)], [use(2, 'api', 1)])).toThrow('(api) began');
    expect(() => cpuBetween([use(1, 'api', 1)], [])).toThrow('(api) ended');
  });

  it('When no process has the folder, then there is none', () => {
    expect(processesOf('/no/such/stack/folder')).toEqual([]);
  });
});
