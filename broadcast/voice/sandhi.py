"""The tones of 一 and 不 before another syllable; espeak says yī and bù everywhere.

一 is yí before a fourth tone and yì before any other, but stays yī as a number: at the end, after
第 and other numerals, in dates and numbers of floors and houses. 不 is bú before a fourth tone.
Between two equal verbs (看一看, 是不是) both are light. The third tone before a third one is
changed by the voice itself.
"""

from collections.abc import Mapping

_NUMERALS = "零幺一二三四五六七八九十百千万亿两点"
_ORDINAL_BEFORE = "第周初期拜" + _NUMERALS
_ORDINAL_AFTER = "月号日楼层单栋幢级期区零幺一二三四五六七八九十"
_LIGHT_FOURTH = "个"

# Of the 3,755 commonest characters (GB 2312, level 1) those with a falling tone, by pypinyin.
FOURTH_TONE = frozenset(
    "艾碍爱隘按暗岸胺案盎傲奥懊澳耙坝霸罢爸败拜稗扮拌伴瓣半办绊棒磅蚌镑傍谤抱报暴豹鲍爆辈背贝钡倍"
    "狈备惫焙被笨泵蹦迸碧蓖蔽毕毙毖币庇痹闭敝弊必辟壁臂避陛便变卞辨辩辫遍摈病并埠不布步簿部怖菜蔡"
    "灿厕策侧册测蹭岔差诧掺颤畅唱倡撤掣彻澈趁衬秤赤翅斥炽臭矗搐触处串创绰刺赐次凑醋簇促篡窜脆瘁粹"
    "淬翠寸措挫错大戴带殆代贷袋待怠旦氮但惮淡诞弹蛋荡档到稻悼道盗瞪凳邓地蒂第帝弟递缔靛垫电佃店"
    "惦奠淀殿掉吊钓调锭定订动栋侗恫冻洞斗豆逗痘杜镀肚度渡妒锻段断缎兑队对顿囤钝盾遁跺舵剁惰堕恶厄"
    "扼遏鄂饿二贰珐范贩犯饭泛放吠肺废沸费奋份忿愤粪缝奉凤赴副覆赋复傅付阜父腹负富讣附妇缚咐概钙盖"
    "溉干赣告铬个各更贡共垢构购够故顾固雇挂褂怪罐惯灌贯逛桂柜跪贵刽棍过氦亥害骇翰撼捍旱憾悍焊汗汉"
    "耗号浩赫褐鹤贺恨厚候后护互沪户画划化话坏换患唤痪豢焕涣宦幻慧卉惠晦贿秽会烩汇讳诲绘混获或惑霍"
    "货祸迹绩蓟技冀季伎祭剂悸济寄寂计记既忌际妓继纪稼价架驾嫁荐鉴践贱见键箭件健舰剑饯渐溅涧建匠酱"
    "降酵轿较叫窖戒芥界借介疥诫届进靳晋禁近烬浸劲静境敬镜径痉靖竟竞净厩救旧臼舅咎就疚聚拒据巨具"
    "距踞锯俱句惧炬剧倦眷绢峻俊竣浚郡骏看抗亢炕靠克刻客课控扣寇酷库裤挎跨胯块筷侩快矿眶旷况馈愧溃"
    "困括扩廓阔蜡腊辣赖烂滥浪酪烙涝乐累类泪莉荔吏栗丽厉励砾历利傈例俐痢立粒沥隶力链恋炼练辆量晾亮"
    "谅撂镣廖料列裂烈劣猎赁吝另令六漏陋麓碌露路赂鹿潞禄录陆戮虑氯律率滤绿乱掠略论落洛骆络骂麦卖迈"
    "脉蔓曼慢漫茂冒帽貌贸昧寐妹媚闷梦孟秘觅泌蜜密幂面庙妙蔑灭命谬末莫墨默沫漠寞陌墓暮幕募慕木目睦"
    "牧穆呐钠那娜纳耐奈闹淖内嫩匿腻逆溺念酿尿聂孽啮镊镍涅泞弄怒虐疟懦糯诺帕怕湃派盼畔判叛胖炮泡配"
    "佩沛碰僻屁譬片骗票聘破魄迫粕铺曝瀑契砌器气迄弃汽泣讫恰洽堑嵌欠歉鞘撬翘峭俏窍切怯窃沁庆趣去券"
    "劝炔却鹊榷确雀让绕热韧任认刃妊纫日肉入褥瑞锐闰润若弱萨赛散丧瑟色涩晒擅赡膳善汕扇缮上尚哨邵绍"
    "赦摄射慑涉社设甚肾慎渗盛剩胜圣式示士世柿事拭誓逝势是嗜噬适仕侍释饰氏市恃室视试寿授售受瘦兽术"
    "述树束戍竖墅庶数漱恕帅睡税瞬顺舜硕朔烁肆寺嗣四伺似饲巳颂送宋讼诵嗽素速粟僳塑溯宿诉肃蒜算碎岁"
    "穗遂隧祟挞蹋踏泰酞太态汰碳探叹炭趟烫套特替嚏惕涕剃屉眺跳痛透兔蜕褪退拓唾袜外万腕旺望忘妄未"
    "蔚味畏胃喂魏位渭谓尉慰卫问瓮斡卧握沃坞戊雾晤物勿务悟误矽系隙戏细下厦夏吓现献县腺馅羡宪陷限线"
    "项巷橡像向象孝校肖啸笑效械卸蟹懈泄泻谢屑信衅幸杏性姓嗅锈秀袖绣蓄酗叙旭序畜恤絮婿绪续眩绚血驯"
    "殉汛训讯逊迅亚讶咽艳堰燕厌砚雁唁彦焰宴谚验样漾药要耀页业叶曳腋夜液艺抑易邑屹亿役臆逸肄疫亦裔"
    "意毅忆义益溢诣议谊译异翼翌绎印硬映用右佑釉诱又幼玉域芋郁遇喻峪御愈欲狱育誉浴寓裕预豫驭苑愿怨"
    "院越跃钥岳粤月悦阅运蕴酝韵孕载再在暂赞脏葬躁噪造皂灶燥赠轧栅榨乍炸诈债寨蘸栈占战站湛绽杖丈帐"
    "账仗胀瘴障赵照罩兆肇召蔗这浙震振镇阵正政症郑证志挚掷至致置帜峙制智秩稚质炙痔滞治窒重仲众咒皱"
    "宙昼骤著柱助蛀贮铸筑住注祝驻撰赚篆撞壮状赘坠缀自渍字纵奏揍醉最罪柞做作坐座"
)


def changed_tones(text: str, readings: Mapping[int, str]) -> dict[int, str]:
    """The syllables of 一 and 不 that differ from yī and bù, by their place in the text.

    `readings` are the syllables that are already known, by their place.
    """
    found: dict[int, str] = {}
    for at, sign in enumerate(text):
        if sign not in "一不" or at in readings:
            continue
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        if not ("一" <= after <= "鿿"):
            continue
        falls = readings[at + 1].endswith("4") if at + 1 in readings else after in FOURTH_TONE
        if before == after and before not in _NUMERALS:
            found[at] = "yi5" if sign == "一" else "bu5"
        elif sign == "不":
            if falls:
                found[at] = "bu2"
        elif before not in _ORDINAL_BEFORE or not before:
            counts = after in "到至或和" and text[at + 2 : at + 3] in _NUMERALS
            if after not in _ORDINAL_AFTER and not counts:
                found[at] = "yi2" if falls or after in _LIGHT_FOURTH else "yi4"
    return found
